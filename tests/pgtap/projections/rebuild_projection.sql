-- The isolation level first: it is set by the first statement of a transaction, and
-- what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
select pg_temp.refusal($$ select evident.rebuild_projection('shop.daily_sales') $$)
as repeatable_read \gset
rollback;

begin;
select plan(35);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    :'repeatable_read'::jsonb #>> '{detail,argument}',
    'transaction_isolation',
    'REPEATABLE READ is refused'
);
select is(
    pg_temp.permitted($$ select evident.rebuild_projection('probe.nobody') $$),
    array['evident_operator'],
    'operators may rebuild'
);
select is(
    pg_temp.refusal($$ select evident.rebuild_projection('probe.nobody') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.nobody"}}'::jsonb,
    'a name that nobody has is refused'
);
select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select is(
    pg_temp.refused_argument(
        format($$ select evident.rebuild_projection('probe.note', %s) $$, c.arguments)
    ),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ('0, null', 'p_slices', 'no number of slices'),
    ('0, 0', 'p_slices', 'no slice'),
    ('0, 1025', 'p_slices', 'more than 1024 slices'),
    ('null, 1', 'p_slice', 'a null slice'),
    ('-1, 1', 'p_slice', 'a slice below 0'),
    ('2, 2', 'p_slice', 'a slice that is not there')
) as c (arguments, argument, description);

-- Kept by appends. What this transaction appends is not safe, and the rebuild folds
-- it in its last step.

select pg_temp.note(n.number, '1', '["red", "blue"]')
from generate_series(1, 20) as n (number);
select pg_temp.note(1, '', '[]', 'Dropped');
select evident.append_events(pg_temp.task(2), pg_temp.notes('2', 'drop', '3'));


:safe_position;
create temporary table rows_before as
select n.id, n.ctid::text as place, n.notes from probe.note as n;
set local role evident_operator;
select is(
    evident.rebuild_projection('probe.note'),
    0::bigint,
    'where nothing differs a rebuild writes nothing'
);
reset role;
select set_eq(
    'select n.id, n.ctid::text as place, n.notes from probe.note as n',
    'select * from rows_before',
    'each row stays where it is'
);

-- A row is wrong, one is missing, one is too much.
create function pg_temp.spoil()
returns void
language sql
volatile
begin atomic
    update probe.note set notes = '{99}' where id = pg_temp.task(3);
    delete from probe.note where id = pg_temp.task(4);
    insert into probe.note (id, notes) values (pg_temp.task(1), '{99}');
end;
create function pg_temp.spoilt()
returns bigint
language sql
volatile
begin atomic
    select count(*) from evident.verify_projection('probe.note');
end;

select pg_temp.spoil();
select is(
    evident.rebuild_projection(p_name => 'probe.note', p_slice => 0, p_slices => 1),
    3::bigint,
    'it writes the rows that differ, and gives how many'
);
select is(pg_temp.spoilt(), 0::bigint, 'then there is no drift');
select is(
    (
        select count(*)
        from probe.note as n
        inner join rows_before as b on n.id = b.id and n.ctid::text = b.place
    ),
    17::bigint,
    'other rows have not been written'
);
select results_eq(
    $$ select r.slice, r.slices, r.rows_written, r.lock_time >= '0', r.rebuilt_at
    from evident.projection_rebuild as r
    where r.projection = 'probe.note' $$,
    $$ values (0, 1, 3::bigint, true, '2026-01-01 00:00:00+00'::timestamptz) $$,
    'the rebuild is on record'
);
select pg_temp.note(3, '4');
select evident.append_events(pg_temp.task(3), pg_temp.notes('5', '6'));
select is(
    pg_temp.note_rows() -> '3',
    '[1, 4, 5, 6]'::jsonb,
    'appends keep it as before'
);

-- Slices.

select pg_temp.spoil();
select sum(evident.rebuild_projection('probe.note', n.number, 4)) as written
from generate_series(0, 2) as n (number) \gset
select is(
    :written + pg_temp.spoilt(),
    3::bigint,
    'a slice repairs the keys of its own'
);
select is(
    :written + evident.rebuild_projection('probe.note', 3, 4),
    3::bigint,
    'all of them repair all'
);
select is(pg_temp.drift('probe.note'), '{}'::jsonb, 'then there is no drift');
select results_eq(
    $$ select r.slice, r.slices
    from evident.projection_rebuild as r
    where r.projection = 'probe.note'
    order by r.slice $$,
    'values (0, 4), (1, 4), (2, 4), (3, 4)',
    'each slice is on record, and that of another cut is not'
);

-- A stale one.

alter table probe.note add column extra text;
create function pg_temp.is_stale()
returns boolean
language sql
volatile
begin atomic
    select s.is_stale from evident.projection_status as s where s.name = 'probe.note';
end;
create or replace function probe.apply_note(
    p_row probe.note, p_event evident.event_store
)
returns probe.note
language plpgsql
immutable
as $function$
begin
    p_row.notes := p_row.notes || 0;
    p_row.extra := p_event.event_type;
    return p_row;
end;
$function$;
select evident.rebuild_projection('probe.note', 0, 2);
select is(pg_temp.is_stale(), true, 'half of a rebuild leaves it stale');
select evident.rebuild_projection('probe.note', 1, 2);
select is(pg_temp.is_stale(), false, 'all of it makes it fresh');
select pg_temp.note(3, '7');
select evident.append_events(pg_temp.task(5), pg_temp.notes('8', '9'));
select pg_temp.note(21, '10');
select results_eq(
    $$ select n.notes, n.extra
    from probe.note as n
    where n.id in (pg_temp.task(3), pg_temp.task(5), pg_temp.task(21))
    order by n.id $$,
    $$ values
    (array[0, 0, 0, 0, 0], 'Noted'), (array[0, 0, 0], 'Noted'), (array[0], 'Noted') $$,
    'appends fill columns that are new since it was registered'
);
select is(pg_temp.spoilt(), 0::bigint, 'and all is as a replay gives');

-- Kept by a runner.

create or replace function evident.safe_position()
returns bigint
language sql
volatile
parallel restricted
return pg_sequence_last_value('evident.event_store_id_seq'::regclass);
select evident.run_projection('probe.label', 10) as count \gset
update probe.label set notes = '{99}' where label = 'red';
select evident.rebuild_projection('probe.label', n.number, 2)
from generate_series(0, 1) as n (number);
select is(
    array[
        pg_temp.drift('probe.label'),
        to_jsonb(jsonb_array_length(pg_temp.label_rows() -> 'red'))
    ],
    array['{}', '10']::jsonb[],
    'slices are rebuilt up to the checkpoint'
);
select is(
    evident.rebuild_projection('probe.label'),
    3::bigint,
    'in one piece a rebuild also catches up'
);
select is(
    array[evident.run_projection('probe.label'), p.position - evident.safe_position()],
    array[0, 0]::bigint[],
    'so that the next run finds nothing'
)
from evident.projection as p
where p.name = 'probe.label';

-- Failures.

select pg_temp.note(6, 'x', '["red"]');
select pg_temp.note(6, '11', '["red", "green"]');
select evident.run_projection('probe.label');
select is(
    pg_temp.refusal($$ select evident.rebuild_projection('probe.label') $$) ->> 'code',
    '22P02',
    'a fold that fails ends a rebuild'
);
create or replace function probe.apply_label(
    p_row probe.label, p_event evident.event_store
)
returns probe.label
language plpgsql
immutable
as $function$
begin
    p_row.notes := p_row.notes || 1;
    return p_row;
end;
$function$;
select evident.rebuild_projection('probe.label');
select is(
    array[
        pg_temp.parked('probe.label'),
        pg_temp.drift('probe.label'),
        to_jsonb(jsonb_array_length(pg_temp.label_rows() -> 'red'))
    ],
    array['{}', '{}', '22']::jsonb[],
    'after a repair a rebuild folds the parked events, and frees their keys'
);

-- One that is not kept yet.

select evident.pause_projection('probe.note');
select pg_temp.note(7, '1');
select evident.rebuild_projection('probe.note');
select is(
    array[p.state, (pg_temp.note_rows() -> '7')::text],
    array['paused', '[0, 0]'],
    'a paused projection is caught up, and stays paused'
)
from evident.projection as p
where p.name = 'probe.note';
select evident.resume_projection('probe.note');
select evident.rebuild_projection('probe.note');
select is(
    (select p.state from evident.projection as p where p.name = 'probe.note'),
    'running',
    'one that catches up is handed over to the appends'
);

-- Foreign keys would be broken, or take rows of others along.

create table probe.hanging (id uuid references probe.note on delete cascade);
insert into probe.hanging (id)
select n.id from probe.note as n;
update probe.note as n set notes = null;
select is(
    pg_temp.refusal(c.call) ->> 'message',
    'invalid argument p_name: foreign key hanging_id_fkey of probe.hanging references '
    'probe.note',
    'whose rows hang on the read model is told: ' || c.call
)
from (
    values
    ('select evident.rebuild_projection(''probe.note'')'),
    ('select evident.verify_projection(''probe.note'')')
) as c (call);
select isnt_empty(
    $$ select g.state
    from evident.guard_status() as g
    where g.kind = 'reference' and g.name ~ 'hanging' and not g.is_intact $$,
    'and the guards tell it'
);
drop table probe.hanging;

-- Without the fold.

drop function probe.apply_note(probe.note, evident.event_store) cascade;
select is(
    pg_temp.refusal($$ select evident.rebuild_projection('probe.note') $$),
    '{
        "code": "PT400",
        "message": "invalid argument p_name: its read model, its fold, '
        'or the function that tells its keys is missing",
        "detail": {
            "argument": "p_name",
            "reason": "its read model, its fold, '
        'or the function that tells its keys is missing"
        },
        "hint": "create what is missing, or drop_projection"
    }'::jsonb,
    'without the fold nothing is rebuilt'
);

select * from finish();
rollback;
