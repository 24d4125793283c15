-- rebuild_projection without its last lock: appends go on between what it folds and
-- what it writes.

select pg_temp.spoil(
    'evident._lock_read_model(evident.projection, boolean)',
    'lock table %s in share row exclusive mode',
    'select %L'
);
