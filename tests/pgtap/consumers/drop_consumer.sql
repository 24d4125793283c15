begin;
select plan(6);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select is(
    pg_temp.permitted($$ select evident.drop_consumer('test relay') $$),
    array['evident_operator'],
    'operators may drop consumers'
);

set local role evident_operator;
select evident.create_consumer('test relay', 2);
select evident.create_consumer('test search', 2);
select evident.drop_consumer('test relay');

select results_eq(
    $$ select s.consumer, s.partition
    from evident.consumer_status as s
    order by s.partition $$,
    $$ values ('test search', 0), ('test search', 1) $$,
    'a consumer goes with its partitions, and no other one does'
);
select is(
    pg_temp.refusal($$ select evident.drop_consumer('test relay') $$) - 'message',
    '{
        "code": "PT404",
        "detail": {"name": "test relay"},
        "hint": "check the name, or create it with create_consumer"
    }'::jsonb,
    'a consumer that is gone is refused'
);
select is(
    pg_temp.refusal($$ select evident.drop_consumer(null) $$) ->> 'code',
    'PT404',
    'null is no consumer'
);

-- A worker of the first consumer of a name must not confirm events of the second.
select evident.create_consumer('test relay');
select pg_temp.claimed('test relay', 'old', 2) as claimed \gset
select pg_temp.epoch('test relay') as old_epoch \gset
select evident.drop_consumer('test relay');
select evident.create_consumer('test relay');

select is(
    pg_temp.claimed('test relay', 'new', 4),
    array[1, 2, 3, 4],
    'a new consumer of the name begins before the first event'
);
select is(
    pg_temp.refusal(format(
        $$ select evident.confirm_events('test relay', 0, %s, %s) $$,
        :old_epoch, :first + 1
    )) ->> 'code',
    'PT423',
    'the epochs of the old consumer are none of the new one''s'
);

select * from finish();
rollback;
