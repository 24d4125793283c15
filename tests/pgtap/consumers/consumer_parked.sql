begin;
select plan(4);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'consumer_parked',
    array[
        'consumer', 'partition', 'aggregate_id', 'version', 'parked_version',
        'refused_version', 'position', 'reason', 'worker', 'parked_at', 'retried_after', 'number',
        'attempted_version', 'attempts'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.consumer_parked'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select col_is_pk(
    'evident', 'consumer_parked', array['consumer', 'partition', 'aggregate_id'],
    'an aggregate is parked once, however many events wait'
);
select throws_ok(
    $$ insert into evident.consumer_parked (
        consumer, partition, aggregate_id, version, parked_version, position, reason
    )
    values ('nobody', 0, gen_random_uuid(), 1, 1, 1, 'poison') $$,
    '23503', null,
    'each belongs to a consumer'
);

select * from finish();
rollback;
