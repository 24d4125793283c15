begin;
select plan(4);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'consumer', array['name', 'partitions', 'event_types', 'created_at'],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.consumer'),
    '{}'::text[],
    'nobody may select it'
);
select throws_ok(
    $$ insert into evident.consumer (name, partitions) values ('', 1) $$,
    '23514', null,
    'a consumer has a name'
);
select throws_ok(
    $$ insert into evident.consumer (name, partitions) values ('relay', 1025) $$,
    '23514', null,
    'a consumer has at most 1024 partitions'
);

select * from finish();
rollback;
