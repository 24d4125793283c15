begin;
select plan(5);
\ir ../helpers/documents.psql

select is(
    evident._partition_of(pg_temp.task(1), 1),
    0,
    'one partition has all aggregates'
);
select is(
    evident._partition_of(pg_temp.task(1), 1024),
    (4345167604115004256 % 1024)::integer,
    'the partition is the same on every major version'
);
select is(
    evident._partition_of('ffffffff-ffff-ffff-ffff-ffffffffffff', 7),
    ((uuid_hash_extended('ffffffff-ffff-ffff-ffff-ffffffffffff', 0)
        & 9223372036854775807) % 7)::integer,
    'the sign of the hash does not matter'
);
select is(
    (
        select array_agg(distinct p.partition order by p.partition)
        from generate_series(1, 1000) as n (number)
        cross join lateral evident._partition_of(pg_temp.task(n.number), 8)
            as p (partition)
    ),
    array[0, 1, 2, 3, 4, 5, 6, 7],
    'every partition gets aggregates, and none is beyond the number'
);
select ok(
    (
        select max(s.count) < 2 * min(s.count)
        from (
            select count(*) as count
            from generate_series(1, 1000) as n (number)
            group by evident._partition_of(pg_temp.task(n.number), 8)
        ) as s
    ),
    'the partitions get about equally many'
);

select * from finish();
rollback;
