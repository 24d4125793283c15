begin;
select plan(16);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

select evident.append_events(pg_temp.task(1), pg_temp.noted(11, 12, 13), 0);
select evident.append_events(pg_temp.task(2), pg_temp.noted(21), 0);
select array_agg(e.id order by e.version) as ids
from evident.event_store as e
where e.aggregate_id = pg_temp.task(1) \gset

select is(
    evident._replayed_version(pg_temp.task(1), c.events, c.own_ids::bigint[]),
    c.version::bigint,
    c.description
)
from (
    values
    (pg_temp.noted(11, 12, 13), '{}', 3, 'all events stored: the last one''s version'),
    (pg_temp.noted(11, 12), '{}', 2, 'the first ones: the last one''s version'),
    (pg_temp.noted(12), '{}', 2, 'one in the middle: its version'),
    (pg_temp.noted(14, 15), '{}', null, 'none stored: null'),
    (pg_temp.noted(null, null), '{}', null, 'no event_ids: null'),
    (
        pg_temp.noted(11, 12, 13), :'ids', null,
        'only the running call''s own events stored: null'
    )
) as c (events, own_ids, version, description);
select is(
    pg_temp.refusal(format(
        'select evident._replayed_version(%L, %L, %L)',
        pg_temp.task(c.task), c.events, c.own_ids
    )) -> 'detail',
    jsonb_build_object(
        'event_id', pg_temp.event_id(c.refused),
        'aggregate_id', pg_temp.task(c.refused / 10),
        'version', c.refused % 10
    ),
    c.description || ': refused'
)
from (
    values
    (1, pg_temp.noted(11, 13), '{}', 11, 'not one after the other'),
    (1, pg_temp.noted(13, 12), '{}', 13, 'in another order'),
    (1, pg_temp.noted(12, 14), '{}', 12, 'the last one not stored'),
    (1, pg_temp.noted(14, 12), '{}', 12, 'the first one not stored'),
    (1, pg_temp.noted(12, null), '{}', 12, 'one without an event_id'),
    (1, pg_temp.noted(11, 21), '{}', 21, 'one in another aggregate'),
    (2, pg_temp.noted(11, 12), '{}', 11, 'all in another aggregate'),
    (
        1, jsonb_set(pg_temp.noted(11, 12), '{1,type}', '"TaskDone"'), '{}', 12,
        'another type'
    ),
    (
        1, jsonb_set(pg_temp.noted(11, 12), '{1,payload}', '{}'), '{}', 12,
        'another payload'
    ),
    (
        1, pg_temp.noted(11, 12), format('{%s}', (:'ids'::bigint[])[1]), 12,
        'one of the running call''s own events beside one stored'
    )
) as c (task, events, own_ids, refused, description);

select * from finish();
rollback;
