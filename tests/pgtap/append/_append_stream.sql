begin;
select plan(8);
\ir ../helpers/documents.psql

select evident.append_events(pg_temp.task(1), pg_temp.noted(11, 12), 0);
select evident._announce_append();

select is(
    (
        select array[s.version, case when s.version is null then s.actual end]
        from evident._append_stream(pg_temp.task(c.task), c.events, c.expected) as s
    ),
    array[c.version, c.actual]::bigint[],
    c.description
)
from (
    values
    (1, pg_temp.noted(13, 14), 1, null, 2, 'a stale version gives the actual one'),
    (1, pg_temp.noted(13, 14), 3, null, 2, 'a version ahead gives the actual one'),
    (9, pg_temp.noted(13, 14), -1, null, 0, 'a missing aggregate gives version 0'),
    (1, pg_temp.noted(11, 12), 0, 2, null, 'a repeated append gives its first version'),
    (1, pg_temp.noted(13, 14), 2, 4, null, 'a met version gives the last event''s'),
    (1, pg_temp.noted(15, 16), null, 6, null, 'any version gives the last event''s'),
    (1, pg_temp.noted(17), -1, 7, null, 'one that exists gives the last event''s')
) as c (task, events, expected, version, actual, description);
select is(
    (
        select array_agg(distinct e.version order by e.version)
        from evident.event_store as e
        where e.aggregate_id = pg_temp.task(1)
    ),
    array[1, 2, 3, 4, 5, 6, 7],
    'versions follow each other'
);

select * from finish();
rollback;
