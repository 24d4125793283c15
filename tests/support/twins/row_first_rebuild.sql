-- A rebuild that holds the projection's row while it waits for the read model, and
-- appends with one snapshot that take them in this order, too.

select pg_temp.spoil(
    'evident._finish_rebuild(evident.projection, evident.projection, integer, integer,
    text, text, bigint, bigint, boolean)',
    'if p_is_patient then',
    'perform from evident.projection as p where p.name = p_projection.name
    for no key update;
    if p_is_patient then'
);
select pg_temp.spoil(
    'evident."kept_batch_races.sync_one"(evident.event_store[])',
    'lock table races.sync_one in row exclusive mode;',
    ''
);
