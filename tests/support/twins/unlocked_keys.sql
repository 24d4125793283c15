-- Appends that fold into the same key without queueing for it.

select pg_temp.spoil(
    'evident._lock_keys(integer, text[])',
    'perform pg_advisory_xact_lock(v_lock);',
    'null;'
);
