begin;
select plan(7);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select evident.create_consumer('test relay', 2);

select is(
    pg_temp.refusal($$ select evident._lock_lease('test relay', 0, 0) $$),
    '{
        "code": "PT423",
        "message": "partition 0 of consumer test relay is at epoch 0, not 0",
        "detail": {"name": "test relay", "epoch": 0},
        "hint": "the events are another worker''s now: leave them and claim again"
    }'::jsonb,
    'nobody has a partition that was never claimed'
);

select pg_temp.claimed('test relay', 'w', 100) as claimed \gset
select c.partition, c.epoch
from evident.consumer_partition as c
where c.consumer = 'test relay' and c.worker = 'w' \gset

select is(
    (
        select l.claimed_until
        from evident._lock_lease('test relay', :partition, :epoch) as l
    ),
    (
        select c.claimed_until
        from evident.consumer_partition as c
        where c.consumer = 'test relay' and c.partition = :partition
    ),
    'whoever has claimed it last gets the row'
);
select is(
    pg_temp.refusal(format(
        $$ select evident._lock_lease('test relay', %s, %s) $$,
        :partition, :epoch::bigint - 1
    )) #> '{detail}',
    jsonb_build_object('name', 'test relay', 'epoch', :epoch),
    'an earlier epoch is refused, and told the newest'
);
select is(
    pg_temp.refused_argument($$ select evident._lock_lease('test relay', 2, 1) $$),
    'p_partition',
    'a partition that the consumer has not is refused'
);
select is(
    pg_temp.refused_argument($$ select evident._lock_lease('test relay', null, 1) $$),
    'p_partition',
    'null is no partition'
);
select is(
    pg_temp.refused_argument($$ select evident._lock_lease('test relay', 0, null) $$),
    'p_epoch',
    'null is no epoch'
);
select is(
    pg_temp.refusal($$ select evident._lock_lease('nobody', 0, 1) $$) ->> 'code',
    'PT404',
    'a consumer that does not exist is refused'
);

select * from finish();
rollback;
