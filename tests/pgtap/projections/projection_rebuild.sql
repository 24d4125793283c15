begin;
select plan(4);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'projection_rebuild',
    array[
        'projection', 'slice', 'slices', 'definition', 'events_until', 'rows_written',
        'lock_time', 'rebuilt_at'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.projection_rebuild'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select it, and so may operators and auditors'
);
select col_is_pk(
    'evident', 'projection_rebuild', array['projection', 'slice'],
    'each slice is there once'
);
select throws_ok(
    $$ insert into evident.projection_rebuild (
        projection, slice, slices, definition, events_until, rows_written, lock_time
    )
    values ('nobody', 0, 1, '', 1, 1, '0') $$,
    '23503', null,
    'each slice belongs to a projection'
);

select * from finish();
rollback;
