-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_operator;
select pg_temp.refusal(
    $$ select * from evident.claim_events('test relay', 'w') $$
) as repeatable_read \gset
rollback;

begin isolation level serializable;
\ir ../helpers/refusal.psql
set local role evident_operator;
select pg_temp.refusal(
    $$ select * from evident.claim_events('test relay', 'w') $$
) as serializable \gset
rollback;

begin;
select plan(35);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select is(
    c.refusal - 'message' #- '{detail,reason}',
    '{
        "code": "PT400",
        "detail": {"argument": "transaction_isolation"},
        "hint": "read the feed at READ COMMITTED"
    }'::jsonb,
    c.level || ' is refused with a hint'
)
from (
    values
    ('REPEATABLE READ', :'repeatable_read'::jsonb),
    ('SERIALIZABLE', :'serializable')
) as c (level, refusal);
select is(
    pg_temp.permitted($$ select * from evident.claim_events('test relay', 'w') $$),
    array['evident_operator'],
    'operators may claim events, and readers may not'
);

set local role evident_operator;
select evident.create_consumer('test relay');

select is(
    pg_temp.refused_argument(
        'select * from evident.claim_events(' || c.arguments || ')'
    ),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ($$ 'test relay', null $$, 'p_worker', 'no worker'),
    ($$ 'test relay', '' $$, 'p_worker', 'a worker without a name'),
    ($$ 'test relay', repeat('x', 101) $$, 'p_worker', 'a worker with too long a name'),
    ($$ 'test relay', 'w', null $$, 'p_limit', 'a null limit'),
    ($$ 'test relay', 'w', 0 $$, 'p_limit', 'the limit 0'),
    ($$ 'test relay', 'w', 10001 $$, 'p_limit', 'a limit above 10000'),
    ($$ 'test relay', 'w', 1, null $$, 'p_lease', 'no lease'),
    ($$ 'test relay', 'w', 1, '0' $$, 'p_lease', 'a lease of no length'),
    ($$ 'test relay', 'w', 1, '-1 second' $$, 'p_lease', 'a lease in the past'),
    ($$ 'test relay', 'w', 1, '25 hours' $$, 'p_lease', 'a lease of more than a day')
) as c (arguments, argument, description);

select is(
    pg_temp.refusal($$ select * from evident.claim_events('nobody', 'w') $$)
    - 'message',
    '{
        "code": "PT404",
        "detail": {"name": "nobody"},
        "hint": "check the name, or create it with create_consumer"
    }'::jsonb,
    'a consumer that does not exist is refused'
);
select is(
    pg_temp.refusal($$ select * from evident.claim_events(null, 'w') $$) ->> 'code',
    'PT404',
    'null is no consumer'
);

-- One partition.

select is(
    pg_temp.claimed('test relay', 'a', 3),
    array[1, 2, 3],
    'the first events come, in their order, and no more than p_limit'
);
select results_eq(
    $$ select s.position, s.worker, s.lease_expires_at
    from evident.consumer_status as s $$,
    $$ values (0::bigint, 'a', '2026-01-01 00:00:30+00'::timestamptz) $$,
    'the partition is leased, and its position stays'
);
select is(
    pg_temp.claimed('test relay', 'b'),
    null,
    'nobody gets events of a partition that is leased'
);
select is(
    pg_temp.claimed('test relay', 'a'),
    null,
    'not even the worker that has the lease'
);

select pg_temp.epoch('test relay') as epoch_a \gset
set local evident_test.minutes = 1;

select is(
    pg_temp.claimed('test relay', 'b', 2, '1 day'),
    array[1, 2],
    'the same events come again when the lease has run out'
);
select is(
    pg_temp.epoch('test relay') > :epoch_a,
    true,
    'each claim has a higher epoch'
);

set local evident_test.minutes = 1440;

select is(
    pg_temp.claimed('test relay', 'c'),
    null,
    'a lease may last for a day'
);

select evident.confirm_events(
    'test relay', 0, pg_temp.epoch('test relay'), :first + 1
);
select results_eq(
    $$ select c.* from evident.claim_events('test relay', 'c', 1, '10 minutes') as c $$,
    format(
        $$ select
            0, %s::bigint, '2026-01-02 00:10:00+00'::timestamptz, e.id, e.aggregate_id,
            e.version, e.event_type, e.payload, e.metadata, e.event_id, e.occurred_at,
            e.recorded_by, 1::bigint, null::bigint
        from evident.event_store as e
        where e.id = %s $$,
        pg_temp.epoch('test relay') + 1, :first + 2
    ),
    'the rows have what the store has, the epoch and the end of the lease'
);
select evident.confirm_events(
    'test relay', 0, pg_temp.epoch('test relay'), :first + 2
);
select is(
    pg_temp.claimed('test relay', 'c', 10000),
    array[4, 5, 6],
    'confirmed events do not come again, and p_limit may be 10000'
);
select evident.confirm_events(
    'test relay', 0, pg_temp.epoch('test relay'), :first + 5
);
select is(
    pg_temp.claimed('test relay', 'c'),
    null,
    'at the end there is nothing to do'
);

-- Types.

select evident.create_consumer('test done', 1, '{TaskDone}');

select is(
    pg_temp.claimed('test done', 'a', 1),
    array[5],
    'only events of the consumer''s types come, and p_limit counts those'
);
select evident.confirm_events(
    'test done', 0, pg_temp.epoch('test done'), :first + 4
);
select is(
    pg_temp.claimed('test done', 'a', 1),
    array[6],
    'the types between do not matter'
);

select evident.create_consumer('test burnt', 1, '{TaskBurnt}');

select is(
    pg_temp.claimed('test burnt', 'a'),
    null,
    'without an event of its types a consumer has nothing to do'
);
select results_eq(
    $$ select s.position, s.lag, s.epoch, s.worker
    from evident.consumer_status as s
    where s.consumer = 'test burnt' $$,
    format($$ values (%s::bigint, 0::bigint, 0::bigint, null::text) $$, :first + 5),
    'and moves on to the safe position, without a lease'
);

-- Partitions.

reset role;
select (array_agg(n.number))[1] as split
from generate_series(2, 1024) as n (number)
where
    evident._partition_of(pg_temp.task(1), n.number)
    <> evident._partition_of(pg_temp.task(2), n.number) \gset
set local role evident_operator;
select evident.create_consumer('test split', :split);

select set_eq(
    $$ select pg_temp.claimed('test split', n.worker)
    from unnest(array['a', 'b', 'c']) as n (worker) $$,
    $$ values (array[1, 3, 4, 6]), (array[2, 5]), (null) $$,
    'each aggregate is in one partition, and each partition goes to one worker'
);
reset role;
select is(
    (
        select array_agg(p.partition order by p.partition)
        from evident.consumer_partition as p
        where p.consumer = 'test split' and p.worker is not null
    ),
    (
        select array_agg(n.partition order by n.partition)
        from (
            values
            (evident._partition_of(pg_temp.task(1), :split)),
            (evident._partition_of(pg_temp.task(2), :split))
        ) as n (partition)
    ),
    'the partition is the one to which the aggregate belongs'
);

-- Whoever waited longest is next.
update evident.consumer_partition as p
set
    lease_expires_at = null,
    position = 0,
    epoch = nextval('evident.consumer_epoch_seq') + case
        when p.partition = evident._partition_of(pg_temp.task(1), :split)
            then 1000
        else 0
    end,
    -- A clock that was set back says otherwise.
    claimed_at = case
        when p.partition = evident._partition_of(pg_temp.task(1), :split)
            then '2026-01-01 00:00:01+00'::timestamptz
        else '2026-01-01 00:00:02+00'
    end
where p.consumer = 'test split';
set local role evident_operator;

select is(
    pg_temp.claimed('test split', 'a'),
    array[2, 5],
    'the partition that was claimed longest ago comes first'
);

-- The watermark.

select evident.create_consumer('test late');
reset role;
savepoint announced;
select pg_advisory_xact_lock_shared((17750::bigint << 48) | (:first + 1));
select pg_temp.claimed('test late', 'a') as held \gset
rollback to announced;

select is(
    :'held'::integer[],
    array[1, 2],
    'no event comes that is above an announced position'
);

savepoint announced;
select pg_advisory_xact_lock_shared((17750::bigint << 48) | (:first + 1));
select pg_temp.claimed('test late', 'a') as held \gset
select evident.confirm_events('test late', 0, pg_temp.epoch('test late'), :first + 1);
select coalesce(pg_temp.claimed('test late', 'a')::text, 'nothing') as after \gset
rollback to announced;

select is(
    :'after'::text,
    'nothing',
    'nor one behind what was confirmed'
);
select is(
    pg_temp.claimed('test late', 'a'),
    array[1, 2, 3, 4, 5, 6],
    'the events behind an announcement come when it is gone'
);

select * from finish();
rollback;
