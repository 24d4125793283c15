begin;
select plan(13);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.drop_projection('probe.nobody') $$),
    array['evident_operator'],
    'operators may drop projections'
);
select is(
    pg_temp.refusal('select evident.drop_projection(' || c.argument || ')'),
    jsonb_build_object(
        'code', 'PT404',
        'message', 'no such projection: ' || c.name,
        'detail', jsonb_build_object('name', nullif(c.name, 'null')),
        'hint', 'a projection has the name of its read model, schema included;'
        ' see evident.projection_status'
    ),
    c.description || ' is refused'
)
from (
    values
    ('''probe.nobody''', 'probe.nobody', 'a name that nobody has'),
    ('null', 'null', 'null')
) as c (argument, name, description);

-- What is in the schema, apart from tables and their types.
create temporary view made as
select p.oid::regprocedure::text as name
from pg_proc as p
where p.pronamespace = 'probe'::regnamespace
union all
select c.oid::regclass::text
from pg_class as c
where c.relnamespace = 'probe'::regnamespace
union all
select t.tgname
from pg_trigger as t
where t.tgrelid = 'evident.event_store'::regclass;
create temporary table made_before as
select m.name from made as m;

select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select pg_temp.note(1, '1', '["red"]');
select pg_temp.note(1, 'x', '["blue"]', 'Seen');
select evident.run_projection('probe.label');
select pg_temp.note(2, '1', '"none"');
select evident.run_projection('probe.label');
select evident.skip_failure('probe.label', '', 'carol', 'no labels');
select pg_temp.note(2, '1', '"none"');
select evident.run_projection('probe.label');
select evident.rebuild_projection('probe.note');

set local role evident_operator;
select lives_ok(
    $$ select evident.drop_projection('probe.note') $$,
    'a synchronous projection may be dropped'
);
select lives_ok(
    $$ select evident.drop_projection('probe.label') $$,
    'an asynchronous one, too'
);
reset role;
select set_eq(
    'select * from made',
    'select * from made_before',
    'all that was made for them is gone'
);
select is_empty(
    $$ select p.name from evident.projection as p where p.name ~ '^probe'
    union all
    select f.projection
    from evident.projection_failure as f
    where f.projection ~ '^probe'
    union all
    select s.projection
    from evident.projection_skip as s
    where s.projection ~ '^probe'
    union all
    select r.projection
    from evident.projection_rebuild as r
    where r.projection ~ '^probe' $$,
    'with failures, skips and rebuilds'
);
select is(
    array[pg_temp.note_rows(), pg_temp.label_rows()],
    array['{"1": [1], "2": [1, 1]}', '{"red": [1]}']::jsonb[],
    'the rows stay'
);
select pg_temp.note(1, '3');
select is(
    pg_temp.note_rows(),
    '{"1": [1], "2": [1, 1]}'::jsonb,
    'appends go on without it'
);
truncate probe.note;
select is(pg_temp.keep('note'), 'running', 'it may be created again');

-- Without the read model.

set local client_min_messages = warning;
drop table probe.note cascade;
select isnt(
    pg_temp.refusal($$ select pg_temp.note(1, '3') $$),
    null,
    'a read model that is gone stops the appends'
);
select evident.drop_projection('probe.note');
select lives_ok(
    $$ select pg_temp.note(1, '3') $$,
    'until its projection is dropped'
);
select set_eq(
    'select * from made',
    $$ select m.name
    from made_before as m
    where m.name not in (
        'probe.note', 'probe.note_pkey',
        'probe.apply_note(probe.note,evident.event_store)'
    ) $$,
    'and with it all that was made'
);

select * from finish();
rollback;
