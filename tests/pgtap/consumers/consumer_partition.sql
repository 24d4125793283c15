begin;
select plan(4);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'consumer_partition',
    array[
        'consumer', 'partition', 'number', 'position', 'epoch', 'worker', 'lease',
        'lease_expires_at', 'claimed_at', 'claimed_until', 'claimed_aggregate_id',
        'attempted_id', 'attempts'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.consumer_partition'),
    '{}'::text[],
    'nobody may select it'
);
select col_is_pk(
    'evident', 'consumer_partition', array['consumer', 'partition', 'number'],
    'each change has a number of its own'
);
select throws_ok(
    $$ insert into evident.consumer_partition (consumer, partition, number)
    values ('nobody', 0, 1) $$,
    '23503', null,
    'each partition belongs to a consumer'
);

select * from finish();
rollback;
