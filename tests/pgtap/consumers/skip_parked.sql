begin;
select plan(12);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql
\ir ../helpers/parked.psql

select is(
    pg_temp.permitted(
        $$ select evident.skip_parked('test', pg_temp.task(1), 'me', 'broken') $$
    ),
    array['evident_operator'],
    'operators may skip what is parked'
);

set local role evident_operator;
select evident.create_consumer('test');
select pg_temp.attempted('test');

select is(
    pg_temp.refusal(
        $$ select evident.skip_parked('test', pg_temp.task(1), 'me', 'broken') $$
    ) ->> 'code',
    'PT404',
    'what is not parked is refused'
);
select is(
    pg_temp.refused_argument(
        $$ select evident.skip_parked('test', pg_temp.task(1), null, 'broken') $$
    ),
    'p_actor',
    'nobody skips without a name'
);
select is(
    pg_temp.refused_argument(
        $$ select evident.skip_parked('test', pg_temp.task(1), 'me', '') $$
    ),
    'p_reason',
    'or without a reason'
);

-- Parked while nothing is confirmed, skipped, and the lease is lost.
select pg_temp.park('test', 3, 'poison');
select is(
    evident.skip_parked('test', pg_temp.task(1), 'me', 'broken'),
    0::bigint,
    'behind the position of the partition nothing waits yet'
);
select evident.release_events('test', 0, pg_temp.epoch('test'));
select is(
    pg_temp.attempted('test'),
    '{1,2,4,5,6} 2',
    'the partition gives the aggregate again, without the event'
);
select pg_temp.park('test', 4, 'poison too');
select pg_temp.confirm('test', 6);
select is(
    evident.skip_parked('test', pg_temp.task(1), 'me', 'as well'),
    1::bigint,
    'a skip tells how many events wait behind'
);
select is(pg_temp.attempted('test'), '{6} 1', 'and they come');
select pg_temp.confirm('test', 6);
select is(pg_temp.attempted('test'), null, 'to the end');
select results_eq(
    $$ select s.position - e.id, s.aggregate_id, s.version, s.actor, s.reason, s.message
    from evident.consumer_skip as s
    inner join evident.event_store as e on s.position = e.id
    order by s.position $$,
    $$ values
    (0::bigint, pg_temp.task(1), 2, 'me', 'broken', 'poison'),
    (0, pg_temp.task(1), 3, 'me', 'as well', 'poison too') $$,
    'who skipped what, and why, is recorded'
);
select evident.seek_consumer('test', 'start', 'me', 'once more');
select is(
    pg_temp.attempted('test'),
    '{1,2,5,6} 1',
    'what was skipped stays left out'
);
select evident.drop_consumer('test');
select evident.create_consumer('test');
select is(
    pg_temp.attempted('test'),
    '{1,2,3,4,5,6} 1',
    'of this consumer only'
);

select * from finish();
rollback;
