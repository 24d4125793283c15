begin;
select plan(3);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'consumer_decision',
    array[
        'number', 'consumer', 'kind', 'partition', 'aggregate_id', 'position_from',
        'position', 'actor', 'reason', 'recorded_by', 'recorded_at'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.consumer_decision'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select evident.create_consumer('test');
select evident.drop_consumer('test');
select results_eq(
    $$ select d.kind from evident.consumer_decision as d order by d.number $$,
    $$ values ('created'), ('dropped') $$,
    'what was decided outlives the consumer'
);

select * from finish();
rollback;
