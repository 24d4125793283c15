begin;
select plan(6);

-- Ids with gaps: every third one.
create function pg_temp.newest(p_count bigint, p_last bigint)
returns bigint[]
language sql
stable
begin atomic
    select coalesce(array_agg(p_last - (p_count - n.n) * 3 order by n.n), '{}')
    from generate_series(1, p_count) as n (n);
end;

select is(
    evident._events_after('{}', 0), 0::bigint, 'nothing follows in an empty store'
);
select results_eq(
    $$ select evident._events_after('{3,6,9}', p.position)
    from unnest('{0,2,3,5,8,9,99}'::bigint[]) as p (position) $$,
    $$ values (3::bigint), (3), (2), (2), (1), (0), (0) $$,
    'events are counted, and no ids'
);
select is(
    evident._events_after(pg_temp.newest(9999, 300000), 0),
    9999::bigint,
    'fewer than 10,000 events are counted, whatever lies below them'
);
select is(
    evident._events_after(pg_temp.newest(10000, 300000), 300000 - 30000 + 2),
    10000::bigint,
    'and so are the newest 10,000'
);
select ok(
    evident._events_after(pg_temp.newest(10000, 300000), 0)
    between 99990 and 100010,
    'above that, as many events are behind for each id as among the newest'
);
select is(
    evident._events_after(pg_temp.newest(10000, 9223372036854775807), 0),
    evident._events_after(pg_temp.newest(10000, 9223372036854775807), 0),
    'the largest ids overflow nowhere'
);

select * from finish();
rollback;
