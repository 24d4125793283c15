-- A rebuild that holds the projection's row while it waits for the read model, and
-- appends with one snapshot that take them in this order, too.

select pg_temp.spoil(
    'evident._lock_read_model(evident.projection, boolean)',
    'if p_must_stop_appends then',
    'perform from evident.projection as p where p.name = p_projection.name
    for no key update;
    if p_must_stop_appends then'
);
select pg_temp.spoil(
    'evident."kept_batch_races.sync_one"(evident.event_store[])',
    'lock table races.sync_one in row exclusive mode;',
    ''
);
