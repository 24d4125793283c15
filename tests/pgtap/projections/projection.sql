begin;
select plan(6);
\ir ../helpers/refusal.psql

select columns_are(
    'evident', 'projection',
    array[
        'name', 'number', 'apply', 'keys', 'key_column', 'key_type', 'event_types',
        'mode', 'is_invariant', 'state', 'reason', 'position', 'definition', 'created_at'
    ],
    'the table has its columns'
);
select is(
    pg_temp.permitted('select * from evident.projection'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select it, and so may operators and auditors'
);
select col_is_pk('evident', 'projection', 'name', 'each name is there once');
select col_is_unique('evident', 'projection', 'number', 'each number is there once');
select throws_ok(
    $$ insert into evident.projection (name, apply, key_column, key_type, mode, state)
    values ('probe.note', 'f', 'id', 'uuid', 'later', 'running') $$,
    '23514', null,
    'a projection is synchronous or asynchronous'
);
select throws_ok(
    $$ insert into evident.projection (name, apply, key_column, key_type, mode, state)
    values ('probe.note', 'f', 'id', 'uuid', 'sync', 'broken') $$,
    '23514', null,
    'a projection is running, catching up or paused'
);

select * from finish();
rollback;
