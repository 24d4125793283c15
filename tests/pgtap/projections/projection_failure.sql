begin;
select plan(4);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'projection_failure',
    array[
        'projection', 'key', 'position', 'code', 'message', 'attempts', 'failed_at'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.projection_failure'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select it, and so may operators and auditors'
);
select col_is_pk(
    'evident', 'projection_failure', array['projection', 'key'],
    'each parked key is there once'
);
select throws_ok(
    $$ insert into evident.projection_failure (
        projection, key, position, code, message
    )
    values ('nobody', 'k', 1, 'ZZ001', 'no') $$,
    '23503', null,
    'each failure belongs to a projection'
);

select * from finish();
rollback;
