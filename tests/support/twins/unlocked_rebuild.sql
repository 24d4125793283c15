-- rebuild_projection without its last lock: appends go on between what it folds and
-- what it writes.

select pg_temp.spoil(
    'evident._lock_read_model(evident.projection)',
    '''lock table %s in share row exclusive mode'', p_projection.name',
    '''select pg_sleep(0.002), %L'', p_projection.name'
);
