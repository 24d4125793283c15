-- run_projection that lets everybody run at once.

select pg_temp.spoil(
    'evident.run_projection(text, integer)',
    'not pg_try_advisory_xact_lock((17752::bigint << 48) | v_number)',
    'v_number = 0'
);
