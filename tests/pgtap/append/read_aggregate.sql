begin;
select plan(15);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

select is(
    pg_temp.permitted('select * from evident.read_aggregate(pg_temp.task(1))'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may read an aggregate, and so may operators and auditors'
);

-- Stored out of the order of versions, with another aggregate in between.
insert into evident.event_store (aggregate_id, version, event_type, payload)
values
(pg_temp.task(1), 3, 'TaskNoted', '{"note": 3}'),
(pg_temp.task(1), 1, 'TaskCreated', '{"note": 1}'),
(pg_temp.task(2), 1, 'TaskCreated', '{"note": -1}'),
(pg_temp.task(1), 5, 'TaskDone', '{"note": 5}'),
(pg_temp.task(1), 4, 'TaskNoted', '{"note": 4}'),
(pg_temp.task(2), 2, 'TaskDone', '{"note": -2}'),
(pg_temp.task(1), 2, 'TaskNoted', '{"note": 2}');

set local role evident_reader;

select is(
    (
        select array_agg(r.version)
        from evident.read_aggregate(pg_temp.task(1)) as r
    ),
    array[1, 2, 3, 4, 5],
    'an aggregate is read in the order of versions, from the first to the last'
);
select results_eq(
    $$ select r from evident.read_aggregate(pg_temp.task(2)) as r $$,
    $$ select e
    from evident.event_store as e
    where e.aggregate_id = pg_temp.task(2)
    order by e.version $$,
    'the rows are those of the table, and only those of the aggregate'
);
select is(
    (
        select array_agg(r.version)
        from evident.read_aggregate(
            pg_temp.task(1), b.from_version, b.to_version
        ) as r
    ),
    b.versions,
    format(
        'from %s to %s gives %s',
        coalesce(b.from_version::text, 'null'),
        coalesce(b.to_version::text, 'null'),
        coalesce(b.versions::text, 'nothing')
    )
)
from (
    values
    (2, 4, array[2, 3, 4]),
    (3, 3, array[3]),
    (4, null, array[4, 5]),
    (null, 2, array[1, 2]),
    (null, null, array[1, 2, 3, 4, 5]),
    (-7, 99, array[1, 2, 3, 4, 5]),
    (5, 2147483647, array[5]),
    (4, 2, null),
    (6, null, null),
    (null, 0, null)
) as b (from_version, to_version, versions);
select is(
    (
        select array_agg(r.version)
        from evident.read_aggregate(
            p_aggregate_id => pg_temp.task(1), p_to_version => 2
        ) as r
    ),
    array[1, 2],
    'each argument can be passed by its name'
);
select is_empty(
    $$ select r from evident.read_aggregate(pg_temp.task(3)) as r $$,
    'an aggregate without events has no rows'
);

reset role;
select * from finish();
rollback;
