-- A rebuild that holds the projection's row while it waits for the read model, and
-- appends with one snapshot that take them in this order, too.

select pg_temp.spoil(
    'evident._lock_read_model(evident.projection, boolean)',
    'execute format(''lock table',
    'perform from evident.projection as p where p.name = p_projection.name
    for no key update;
    execute format(''lock table'
);
select pg_temp.spoil(
    'races.keep_batch_sync_one()',
    'lock table races.sync_one in row exclusive mode;',
    ''
);
