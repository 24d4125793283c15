begin;
select plan(24);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql
\ir ../helpers/parked.psql

select is(
    pg_temp.permitted($$ select evident.retry_parked('test', pg_temp.task(1)) $$),
    array['evident_operator'],
    'operators may retry what is parked'
);

set local role evident_operator;
select evident.create_consumer('test');
select pg_temp.attempted('test');

select is(
    pg_temp.refusal($$ select evident.retry_parked('test', pg_temp.task(1)) $$),
    jsonb_build_object(
        'code', 'PT404',
        'message', 'consumer test has no parked aggregate ' || pg_temp.task(1),
        'detail', jsonb_build_object('name', 'test', 'aggregate_id', pg_temp.task(1)),
        'hint', 'see evident.consumer_parked'
    ),
    'what is not parked is refused'
);
select is(
    pg_temp.refusal($$ select evident.retry_parked('nobody', pg_temp.task(1)) $$)
    ->> 'message',
    'consumer nobody does not exist',
    'and so is a consumer that does not exist'
);
select is(
    pg_temp.refused_argument(
        $$ select evident.retry_parked('test', pg_temp.task(1), ' ') $$
    ),
    'p_actor',
    'and an actor without a name'
);

select pg_temp.park('test', 3, 'poison');
select pg_temp.confirm('test', 6);
select is(
    evident.retry_parked('test', pg_temp.task(1), 'me', 'repaired'),
    3::bigint,
    'a retry tells how many events wait'
);
select is(
    pg_temp.refusal($$ select evident.retry_parked('test', pg_temp.task(1)) $$)
    ->> 'code',
    'PT404',
    'a second one finds nothing parked'
);
reset role;
insert into evident.event_store (aggregate_id, version, event_type, payload)
values
(pg_temp.task(1), 5, 'TaskNoted', '{"note": 7}'),
(pg_temp.task(2), 3, 'TaskNoted', '{"note": 8}');
set local role evident_operator;

select results_eq(
    $$ select (c.payload ->> 'note')::integer, c.attempts, c.retried_after
    from evident.claim_events('test', 'w', 2) as c $$,
    format($$ values (3, 1::bigint, %1$s::bigint), (4, 1, %1$s) $$, :first + 5),
    'what waited comes first, in its order, and says so'
);
select evident.release_events('test', 0, pg_temp.epoch('test'));
select is(
    pg_temp.refused_argument($$ select pg_temp.confirm('test', 4) $$),
    'p_position',
    'what was given back cannot be confirmed'
);
select is(
    pg_temp.attempted('test', 1),
    '{8} 1',
    'then the partition has its turn, without what comes behind what waits'
);
select pg_temp.confirm('test', 8);
select is(pg_temp.attempted('test', 2), '{3,4} 2', 'then what waits again, counted');
select is(
    pg_temp.refused_argument($$ select pg_temp.confirm('test', 2) $$),
    'p_position',
    'within it only its own events can be confirmed'
);
select pg_temp.confirm('test', 3);
select pg_temp.confirm('test', 3);
select pg_temp.confirm('test', 4);
select lives_ok(
    $$ select pg_temp.confirm('test', 4) $$,
    'the same confirmation succeeds again'
);
select is(pg_temp.attempted('test'), '{6,7} 1', 'the rest follows, new events too');
select pg_temp.park('test', 7, 'poison too');
select results_eq(
    $$ select w.version, w.parked_version, w.reason from evident.consumer_parked as w $$,
    $$ values (4, 5, 'poison too') $$,
    'an event can be parked again before the ones in front of it are confirmed'
);
select evident.release_events('test', 0, pg_temp.epoch('test'));
select is(pg_temp.attempted('test'), '{6} 2', 'and those come again');
select pg_temp.confirm('test', 6);
select is(pg_temp.attempted('test'), null, 'then it waits');
select is(
    evident.retry_parked('test', pg_temp.task(1)), 1::bigint, 'for the next retry'
);
select is(pg_temp.attempted('test'), '{7} 1', 'and comes');
select pg_temp.confirm('test', 7);
select is(pg_temp.attempted('test'), null, 'to the end');
select is_empty(
    $$ select w.* from evident.consumer_parked as w $$,
    'the aggregate is a part of its partition again'
);
-- Parked within a claim of what waits, and retried before the claim is confirmed.
select evident.create_consumer('within');
select pg_temp.attempted('within');
select pg_temp.park('within', 1, 'poison');
select pg_temp.confirm('within', 8);
select evident.retry_parked('within', pg_temp.task(1));
select is(pg_temp.attempted('within', 4), '{1,3,4,6} 1', 'what waits comes');
select pg_temp.park('within', 3, 'poison');
select evident.retry_parked('within', pg_temp.task(1));
select pg_temp.confirm('within', 6);
select is(
    pg_temp.attempted('within', 4),
    '{3,4,6,7} 1',
    'a confirmation does not pass what was parked in its claim'
);
select evident.drop_consumer('within');

reset role;
insert into evident.event_store (aggregate_id, version, event_type, payload)
values (pg_temp.task(1), 6, 'TaskNoted', '{"note": 9}');
set local role evident_operator;
select is(pg_temp.attempted('test'), '{9} 1', 'whose next events come as ever');
select results_eq(
    $$ select d.position - e.id, d.actor, d.reason, d.recorded_by = session_user
    from evident.consumer_decision as d
    inner join evident.event_store as e
        on e.payload ->> 'note' = case d.actor when 'me' then '3' else '7' end
    where d.kind = 'retried' and d.consumer = 'test'
    order by d.number $$,
    $$ values
    (0::bigint, 'me', 'repaired', true),
    (0, 'postgres', null, true) $$,
    'each retry is recorded'
);

select * from finish();
rollback;
