begin;
select plan(4);
\ir ../../helpers/documents.psql
\ir ../../helpers/projections.psql

create function pg_temp.object(p_name text, p_form text)
returns text
language sql
stable
begin atomic
    select evident._name_of_object(p, p_form)
    from jsonb_populate_record(
        null::evident.projection, jsonb_build_object('name', p_name)
    ) as p;
end;

select results_eq(
    $$ select pg_temp.object(n.name, 'keep_event_%s')
    from (
        values
        (1, 'probe.note'), (2, '"My Probe"."Note"'), (3, 'probe."a""b.c"'),
        (4, 'probe."%s"')
    ) as n (number, name)
    order by n.number $$,
    $$ values
    ('evident."keep_event_probe.note"'),
    ('evident."keep_event_""My Probe"".""Note"""'),
    ('evident."keep_event_probe.""a""""b.c"""'),
    ('evident."keep_event_probe.""%s"""') $$,
    'what is made is in schema evident, and has the read model''s name with its schema'
);

-- Read models whose names would meet if names were only put together.
reset role;
create schema probe_a authorization evident_projector;
set local role evident_projector;
create table probe.a_b (id uuid primary key, number integer);
create table probe_a.b (id uuid primary key, number integer);
create table probe.b (id uuid primary key, number integer);
create table probe.b_batch (id uuid primary key, number integer);
create table probe.batch_b (id uuid primary key, number integer);
create table probe.b_step (id uuid primary key, number integer);
do $do$
declare
    v_model text;
begin
    foreach v_model in array array[
        'probe.a_b', 'probe_a.b', 'probe.b', 'probe.b_batch', 'probe.batch_b',
        'probe.b_step'
    ]
    loop
        execute format(
            $sql$
            create function probe.count(p_row %1$s, p_event evident.event_store)
            returns %1$s
            language sql
            immutable
            return row(p_row.id, coalesce(p_row.number, 0) + 1)::%1$s;
            $sql$,
            v_model
        );
    end loop;
end;
$do$;
reset role;

create temporary view model as
select m.name
from unnest(array[
    'probe.a_b', 'probe_a.b', 'probe.b', 'probe.b_batch', 'probe.batch_b',
    'probe.b_step'
]) as m (name);
create function pg_temp.numbers()
returns setof integer
language sql
volatile
begin atomic
    select m.number from probe.a_b as m where m.id = pg_temp.task(1)
    union all
    select m.number from probe_a.b as m where m.id = pg_temp.task(1)
    union all
    select m.number from probe.b as m where m.id = pg_temp.task(1)
    union all
    select m.number from probe.b_batch as m where m.id = pg_temp.task(1)
    union all
    select m.number from probe.batch_b as m where m.id = pg_temp.task(1)
    union all
    select m.number from probe.b_step as m where m.id = pg_temp.task(1);
end;

select evident.create_projection(
    m.name::regclass,
    format('probe.count(%s,evident.event_store)', m.name)::regprocedure,
    '{Noted}'
)
from model as m;
select evident.run_projection(m.name, 1000000) from model as m;
select pg_temp.note(1, '1');
select pg_temp.note(1, '2');
select evident.append_events(pg_temp.task(1), pg_temp.notes('3', '4'));

select results_eq(
    'select * from pg_temp.numbers()',
    $$ values (4), (4), (4), (4), (4), (4) $$,
    'read models of similar names are kept side by side'
);
select evident.drop_projection('probe_a.b'), evident.drop_projection('probe.b');
select pg_temp.note(1, '5');
select evident.append_events(pg_temp.task(1), pg_temp.notes('6', '7'));
select results_eq(
    'select * from pg_temp.numbers()',
    $$ values (7), (4), (4), (7), (7), (7) $$,
    'one that is dropped takes nothing of the others'' along'
);
select is_empty(
    $$ select m.name, v.key
    from model as m
    cross join lateral evident.verify_projection(m.name) as v
    where m.name not in ('probe_a.b', 'probe.b') $$,
    'and they hold what their events fold to'
);

select * from finish();
rollback;
