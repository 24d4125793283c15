begin;
select plan(4);
\ir helpers/refusal.psql

select columns_are(
    'evident', 'consumer_partition',
    array[
        'consumer', 'partition', 'position', 'epoch', 'worker', 'lease',
        'lease_expires_at', 'claimed_at', 'claimed_until'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.consumer_partition'),
    '{}'::text[],
    'nobody may select it'
);
select col_is_pk(
    'evident', 'consumer_partition', array['consumer', 'partition'],
    'each partition is there once'
);
select throws_ok(
    $$ insert into evident.consumer_partition (consumer, partition)
    values ('nobody', 0) $$,
    '23503', null,
    'each partition belongs to a consumer'
);

select * from finish();
rollback;
