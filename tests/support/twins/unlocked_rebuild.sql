-- rebuild_projection without its last lock: appends go on between what it folds and
-- what it writes.

select pg_temp.spoil(
    'evident._finish_rebuild(evident.projection, evident.projection, integer, integer,
    text, text, bigint, bigint, boolean)',
    'lock table %s in share row exclusive mode',
    'select %L'
);
