begin;
select plan(45);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.create_projection(null, null, null) $$),
    array['evident_operator'],
    'operators may create projections'
);

-- A registration.

set local role evident_operator;

select is(
    evident.create_projection(
        p_read_model => 'probe.label',
        p_apply => 'probe.apply_label(probe.label, evident.event_store)',
        p_event_types => array['Noted', 'Dropped', 'Noted'],
        p_mode => 'async',
        p_keys => 'probe.labels(evident.event_store)'
    ),
    'probe.label',
    'a projection has the name of its read model'
);
select is(
    evident.create_projection(
        'probe.note', 'probe.apply_note(probe.note, evident.event_store)', null
    ),
    'probe.note',
    'mode and keys may be left out'
);
set local quote_all_identifiers = on;
select is(
    evident.create_projection(
        p_read_model => 'probe.label',
        p_apply => 'probe.apply_label(probe.label, evident.event_store)',
        p_event_types => array['Noted', 'Dropped'],
        p_mode => 'async',
        p_keys => 'probe.labels(evident.event_store)'
    ),
    'probe.label',
    'where the session quotes every name, a read model still has one projection'
);
reset quote_all_identifiers;
reset role;
select results_eq(
    $$ select
        p.name, p.apply, p.keys, p.key_column, p.key_type, p.event_types, p.mode,
        p.created_at, p.definition = evident.projection_definition(p.name)
    from evident.projection as p
    where p.name like 'probe.%'
    order by p.name $$,
    $$ values
    (
        'probe.label', 'probe.apply_label(probe.label,evident.event_store)',
        'probe.labels(evident.event_store)', 'label', 'text',
        array['Dropped', 'Noted'], 'async', '2026-01-01 00:00:00+00'::timestamptz, true
    ),
    (
        'probe.note', 'probe.apply_note(probe.note,evident.event_store)',
        null, 'id', 'uuid',
        null, 'sync', '2026-01-01 00:00:00+00', true
    ) $$,
    'the registration has what was given, with types sorted and each once'
);
select is(
    (select p.state from evident.projection as p where p.name = 'probe.label'),
    'running',
    'an asynchronous projection runs from the first event'
);
select set_eq(
    $$ select p.oid::regprocedure::text, pg_get_userbyid(p.proowner)
    from pg_proc as p
    where p.proname ~ '_probe.label$' $$,
    $$ values
    ('evident."step_probe.label"(probe.label,evident.event_store)',
    'evident_projector'::name),
    ('evident."keys_probe.label"(evident.event_store)', 'evident_projector'),
    ('evident."fold_probe.label"(text,evident.event_store)', 'evident_projector'),
    ('evident."refold_probe.label"(probe.label,evident.event_store)',
    'evident_projector'),
    ('evident."folding_probe.label"(probe.label,text,evident.event_store)',
    'evident_projector'),
    ('evident."refolding_probe.label"(probe.label,probe.label,evident.event_store)',
    'evident_projector') $$,
    'what folds it is made beside the store, and belongs to evident_projector'
);
select is(
    (
        select pg_temp.permitted(
            $$ select
                n.key,
                evident."fold_probe.note"(n.key, n.event order by n.position)
            from evident."events_of_probe.note" as n
            group by n.key $$
        )
    ),
    '{}',
    'and nobody else may run it'
);
select evident.drop_projection('probe.note');

-- Over stored events.

select pg_temp.note(1, '1');

select is(
    pg_temp.register('note'),
    'probe.note',
    'a synchronous projection may be created over stored events'
);
select pg_temp.note(1, '2');
select is(
    (select p.state from evident.projection as p where p.name = 'probe.note'),
    'catching_up',
    'and then has to catch up'
);
select is(
    pg_temp.note_rows(),
    '{}'::jsonb,
    'appends do not keep it while it does'
);
select is(
    evident.run_projection('probe.note'),
    2::bigint,
    'run_projection folds what is stored'
);
select is(
    (select p.state from evident.projection as p where p.name = 'probe.note'),
    'running',
    'and hands over to the appends'
);
select pg_temp.note(1, '3');
select is(
    pg_temp.note_rows(),
    '{"1": [1, 2, 3]}'::jsonb,
    'which keep it from then on'
);

-- The same again.

create temporary view made as
select p.oid::regprocedure::text as name, p.xmin || ' ' || p.cmin as change
from pg_proc as p
where p.pronamespace = 'probe'::regnamespace
union all
select t.tgname, t.xmin || ' ' || t.cmin
from pg_trigger as t
where t.tgrelid = 'evident.event_store'::regclass
union all
select c.oid::regclass::text, c.xmin || ' ' || c.cmin
from pg_class as c
where c.relnamespace = 'probe'::regnamespace
union all
select p.name, p.xmin || ' ' || p.cmin
from evident.projection as p;
create temporary table made_before as
select m.* from made as m;

select is(
    pg_temp.register('note') || ' ' || pg_temp.register('label', 'async'),
    'probe.note probe.label',
    'the same registration is accepted again'
);
select set_eq(
    'select * from made',
    'select * from made_before',
    'and changes nothing'
);
set local search_path = tap, probe, evident;
select is(
    evident.create_projection(
        'note', 'apply_note(note, event_store)', '{Dropped,Noted}'
    ),
    'probe.note',
    'whatever the search path is'
);
set local search_path = tap;
select set_eq(
    'select * from made',
    'select * from made_before',
    'which changes nothing either'
);

-- Something else.

create function pg_temp.is_stale(p_name text)
returns boolean
language sql
volatile
begin atomic
    select s.is_stale
    from evident.projection_status as s
    where s.name = p_name;
end;

select is(
    evident.create_projection(
        'probe.note', 'probe.apply_note(probe.note,evident.event_store)', '{Noted}'
    ),
    'probe.note',
    'other event types may be registered'
);
select is(pg_temp.is_stale('probe.note'), true, 'the projection is stale then');
select pg_temp.note(1, '', '[]', 'Dropped');
select is(
    pg_temp.note_rows(),
    '{"1": [1, 2, 3]}'::jsonb,
    'appends keep it by the new types at once'
);
select evident.rebuild_projection('probe.note');
select is(pg_temp.is_stale('probe.note'), false, 'a rebuild makes it fresh');

create function probe.count_notes(p_row probe.note, p_event evident.event_store)
returns probe.note
language plpgsql
immutable
as $function$
begin
    p_row.notes := array[coalesce(p_row.notes[1], 0) + 1];
    return p_row;
end;
$function$;
alter function probe.count_notes(probe.note, evident.event_store)
owner to evident_projector;

select is(
    evident.create_projection(
        'probe.note', 'probe.count_notes(probe.note,evident.event_store)', '{Noted}'
    ),
    'probe.note',
    'another fold may be registered'
);
select is(pg_temp.is_stale('probe.note'), true, 'the projection is stale then, too');
select evident.rebuild_projection('probe.note');
select pg_temp.note(1, '9');
select is(
    pg_temp.note_rows(),
    '{"1": [4]}'::jsonb,
    'after a rebuild the rows are those of the new fold'
);
select is(
    pg_temp.drift('probe.note'),
    '{}'::jsonb,
    'and stay so'
);

alter table probe.note add column extra text;
select is(
    evident.create_projection(
        'probe.note', 'probe.count_notes(probe.note,evident.event_store)', '{Noted}'
    ),
    'probe.note',
    'after a change of columns the same may be registered'
);
select lives_ok(
    $$ select
        pg_temp.note(1, '10'),
        evident.append_events(pg_temp.task(1), pg_temp.notes('11', '12')) $$,
    'and appends go on'
);
select is(
    evident.create_projection(
        'probe.label', 'probe.apply_label(probe.label,evident.event_store)', null,
        'async', 'probe.labels(evident.event_store)'
    ),
    'probe.label',
    'an asynchronous projection may have other types as well'
);

-- A paused projection.

select evident.pause_projection('probe.note');
select pg_temp.register('note');
select is(
    (select p.state from evident.projection as p where p.name = 'probe.note'),
    'paused',
    'a paused projection stays paused when something else is registered'
);

-- Refusals; those that only need a look at what is given are in _check_projection.

set local role evident_projector;
create table probe.filled (id uuid primary key);
create function probe.apply_filled(p_row probe.filled, p_event evident.event_store)
returns probe.filled
language sql
immutable
return p_row;
insert into probe.filled (id) values (pg_temp.task(1));
create function probe.first_label(p_event evident.event_store)
returns text
language sql
immutable
return p_event.payload -> 'labels' ->> 0;
reset role;

select is(
    pg_temp.refusal(format('select evident.create_projection(%s)', c.arguments)),
    jsonb_build_object(
        'code', 'PT400',
        'message', format('invalid argument %s: %s', c.argument, c.reason),
        'detail', jsonb_build_object('argument', c.argument, 'reason', c.reason),
        'hint', c.hint
    ),
    c.description || ' is refused'
)
from (
    values
    (
        $$ null, 'probe.apply_note(probe.note,evident.event_store)', null $$,
        'p_read_model', 'null',
        'name a table, and a function (row so far, event) that returns the next row',
        'no read model'
    ),
    (
        $$ 'probe.note', null, null $$,
        'p_apply', 'null',
        'name a table, and a function (row so far, event) that returns the next row',
        'no fold'
    ),
    (
        $$ 'probe.note', '7'::oid, null $$,
        'p_apply', 'no function',
        'name a function with the types of its arguments',
        'a number that is no function''s'
    ),
    (
        $$ 'probe.note', 'probe.apply_note(probe.note,evident.event_store)', null,
        p_keys => '7'::oid $$,
        'p_keys', 'no function',
        'name a function with the types of its arguments',
        'also for the keys,'
    ),
    (
        $$ 'probe.filled', 'probe.apply_filled(probe.filled,evident.event_store)',
        null $$,
        'p_read_model', 'has rows already',
        'truncate it: its rows come from the events',
        'a read model that has rows'
    ),
    (
        $$ 'probe.note', 'probe.apply_note(probe.note,evident.event_store)',
        '{Noted,Dropped}', 'async' $$,
        'p_read_model', 'registered with another mode or other keys',
        'drop_projection(''probe.note'') and empty the table first',
        'another mode'
    ),
    (
        $$ 'probe.label', 'probe.apply_label(probe.label,evident.event_store)',
        null, 'async', 'probe.first_label(evident.event_store)' $$,
        'p_read_model', 'registered with another mode or other keys',
        'drop_projection(''probe.label'') and empty the table first',
        'another function for the keys'
    )
) as c (arguments, argument, reason, hint, description);
select hasnt_view('evident', 'events_of_probe.filled', 'what is refused has made nothing');

-- Read models of unusual shapes.

set local role evident_projector;
create table probe.shard (id uuid primary key, s text, t text)
partition by hash (id);
create table probe.shard_0 partition of probe.shard
for values with (modulus 2, remainder 0);
create table probe.shard_1 partition of probe.shard
for values with (modulus 2, remainder 1);
create function probe.apply_shard(p_row probe.shard, p_event evident.event_store)
returns probe.shard
language sql
immutable
return row(p_row.id, p_event.payload ->> 'note', concat(p_row.t, p_row.s))::probe.shard;
create table probe."O'Really %s" ("The Key" uuid primary key, "new" text);
create function probe."it's"(
    p_row probe."O'Really %s", p_event evident.event_store
)
returns probe."O'Really %s"
language sql
immutable
return row(p_row."The Key", concat(p_row."new", p_event.payload ->> 'note'))
    ::probe."O'Really %s";
reset role;
select evident.drop_projection('probe.note');
truncate probe.note;

create function pg_temp.appended()
returns integer
language sql
volatile
begin atomic
    select pg_temp.note(21, '1');
    select pg_temp.note(21, '2');
    select evident.append_events(pg_temp.task(21), pg_temp.notes('3', '4'));
    select evident.append_events(pg_temp.task(22), pg_temp.notes('5', '6'));
    select pg_temp.note(22, '7');
    select 7;
end;

select evident.create_projection(
    'probe.shard', 'probe.apply_shard(probe.shard,evident.event_store)', '{Noted}'
);
select evident.run_projection('probe.shard');
select evident.create_projection(
    'probe."O''Really %s"',
    'probe."it''s"(probe."O''Really %s",evident.event_store)',
    '{Noted}'
);
select evident.run_projection('probe."O''Really %s"');
select pg_temp.appended();

select results_eq(
    $$ select s.s, s.t
    from probe.shard as s
    where s.id in (pg_temp.task(21), pg_temp.task(22))
    order by s.id $$,
    $$ values ('4', '123'), ('7', '56') $$,
    'a read model may have partitions, and columns that are named like an alias'
);
select is(
    pg_temp.drift('probe.shard'),
    '{}'::jsonb,
    'and holds what its events fold to'
);
select is(
    pg_temp.refusal($$ select evident.rebuild_projection('probe.shard', 0, 2) $$),
    null,
    'and can be rebuilt'
);
select results_eq(
    $$ select r."new"
    from probe."O'Really %s" as r
    where r."The Key" in (pg_temp.task(21), pg_temp.task(22))
    order by r."The Key" $$,
    $$ values ('1234'), ('567') $$,
    'names may need quotes'
);
select is(
    pg_temp.drift('probe."O''Really %s"'),
    '{}'::jsonb,
    'also where the log is folded anew'
);
select is(
    pg_temp.refusal(
        $$ select evident.rebuild_projection('probe."O''Really %s"', 0, 2) $$
    ),
    null,
    'and in a rebuild'
);
select is(
    pg_temp.refusal(
        $$ select evident.create_projection(
            'probe.note', 'probe.apply_note(probe.note, evident.event_store)',
            array_fill('A'::text, array[1001]), 'async'
        ) $$
    ) -> 'detail',
    '{"argument": "p_event_types", "reason": "more than 1000 types"}'::jsonb,
    'more than 1000 types are refused'
);

select * from finish();
rollback;
