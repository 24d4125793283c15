-- run_projection that does not keep other runners away, and takes its time between
-- reading the checkpoint and folding what is behind it.

select pg_temp.spoil(
    'evident.run_projection(text, bigint)',
    'not pg_try_advisory_xact_lock((17752::bigint << 48) | v_number)',
    'v_number = 0'
);
select pg_temp.spoil(
    'evident.run_projection(text, bigint)',
    'v_safe := evident.safe_position();',
    'v_safe := evident.safe_position(); perform pg_sleep(0.005);'
);
