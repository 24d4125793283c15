begin;
select plan(24);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql
\ir ../helpers/parked.psql

select is(
    pg_temp.permitted($$ select evident.park_event('test', 0, 1, 1, 'poison') $$),
    array['evident_operator'],
    'operators may park events, and readers may not'
);
set local role evident_consumer;
select throws_ok(
    $$ select evident.park_event('nobody', 0, 1, 1, 'poison') $$,
    'PT404', null,
    'so may those who claim them'
);

set local role evident_operator;
select evident.create_consumer('test');

-- Attempts.

select is(pg_temp.attempted('test', 2, '1 second'), '{1,2} 1', 'a first claim is one');
set local evident_test.minutes = 1;
select is(
    pg_temp.attempted('test', 3), '{1,2,3} 2', 'a claim whose lease ran out is counted'
);
select evident.release_events('test', 0, pg_temp.epoch('test'));
select is(pg_temp.attempted('test'), '{1,2,3,4,5,6} 3', 'so is one given back');
select is(
    (select s.attempts from evident.consumer_status as s),
    3::bigint,
    'and the status tells it'
);
select evident.release_events('test', 0, pg_temp.epoch('test'), false);
select evident.release_events('test', 0, pg_temp.epoch('test'), false);
select is(
    pg_temp.attempted('test'),
    '{1,2,3,4,5,6} 3',
    'but one that was no failure of the events is not'
);
select pg_temp.confirm('test', 1);
select evident.release_events('test', 0, pg_temp.epoch('test'));
select is(
    pg_temp.attempted('test'), '{2,3,4,5,6} 1', 'another first event begins at one'
);

-- Parking: notes 1, 3, 4 and 6 are of one aggregate, 2 and 5 of another.

select is(
    pg_temp.refused_argument($$ select pg_temp.park('test', 1, 'late') $$),
    'p_position',
    'what is confirmed cannot be parked'
);
select is(
    pg_temp.refused_argument(format(
        $$ select evident.park_event('test', 0, %s, %s, 'none') $$,
        pg_temp.epoch('test'), :first + 6
    )),
    'p_position',
    'nor can what was not claimed'
);
select is(
    pg_temp.refused_argument($$ select pg_temp.park('test', 3, ' ') $$),
    'p_reason',
    'nor without a reason'
);
select is(
    pg_temp.refusal(format(
        $$ select evident.park_event('test', 0, %s, %s, 'none') $$,
        pg_temp.epoch('test') - 1, :first + 2
    )) ->> 'code',
    'PT423',
    'nor by a worker without the lease'
);
select pg_temp.park('test', 4, repeat('x', 2000));
select results_eq(
    $$ select w.partition, w.version, w.parked_version, w.worker, w.reason
    from evident.consumer_parked as w $$,
    $$ values (0, 3, 3, 'w', repeat('x', 1000)) $$,
    'a parked event is one row, with the beginning of its reason'
);
select pg_temp.park('test', 6, 'later');
select pg_temp.park('test', 4, 'again');
select is(
    (select min(w.reason) from evident.consumer_parked as w),
    repeat('x', 1000),
    'what waits already stays as it is'
);
select pg_temp.park('test', 3, 'earlier');
select results_eq(
    $$ select w.version, w.parked_version, w.reason from evident.consumer_parked as w $$,
    $$ values (2, 2, 'earlier') $$,
    'an earlier event of the aggregate goes before'
);
select is(
    (select s.parked from evident.consumer_status as s),
    1::bigint,
    'the status counts what is parked'
);
select evident.release_events('test', 0, pg_temp.epoch('test'));
select is(
    pg_temp.attempted('test', 1),
    '{2} 2',
    'the rest of the partition goes on'
);
select pg_temp.confirm('test', 2);
select is(pg_temp.attempted('test'), '{5} 1', 'without the aggregate that waits');
select pg_temp.confirm('test', 5);
select is(pg_temp.attempted('test'), null, 'to the end');
select is(
    (select s.lag from evident.consumer_status as s),
    0::bigint,
    'where the partition is behind nothing'
);
select is(
    pg_temp.refused_argument($$ select pg_temp.park('test', 5, 'late') $$),
    'p_position',
    'what was confirmed to the end cannot be parked'
);
reset role;
insert into evident.event_store (aggregate_id, version, event_type, payload)
values
(pg_temp.task(1), 5, 'TaskNoted', '{"note": 7}'),
(pg_temp.task(2), 3, 'TaskNoted', '{"note": 8}');
set local role evident_operator;
select is(pg_temp.attempted('test'), '{8} 1', 'new events wait behind it too');
select results_eq(
    $$ select d.kind, d.actor, d.reason
    from evident.consumer_decision as d
    order by d.number $$,
    $$ values
    ('created', null, null),
    ('parked', 'w', repeat('x', 1000)),
    ('parked', 'w', 'earlier') $$,
    'what was decided is recorded'
);
set local role evident_monitor;
select throws_ok(
    $$ select w.reason from evident.consumer_parked as w $$,
    '42501', null,
    'who watches cannot read reasons, which may quote payloads'
);

select * from finish();
rollback;
