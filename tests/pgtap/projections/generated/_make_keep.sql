begin;
select plan(29);
\ir ../../helpers/refusal.psql
\ir ../../helpers/documents.psql
\ir ../../helpers/projections.psql

select pg_temp.keep('note');

select results_eq(
    $$ select t.tgname, t.tgfoid::regprocedure::text, t.tgtype & 1 = 1, t.tgenabled
    from pg_trigger as t
    where t.tgname ~ 'probe'
    order by t.tgname $$,
    $$ values
    (
        'event_store_keep_batch_probe.note'::name,
        'evident."keep_batch_probe.note"()', false,
        'O'::"char"
    ),
    (
        'event_store_keep_event_probe.note', 'evident."keep_event_probe.note"()', true,
        'O'
    ) $$,
    'there is a trigger for one event and one for many'
);

-- One event.

set local role evident_writer;
select evident.append_event(
    pg_temp.task(1), 'Noted', '{"note": "1", "labels": []}', 0
);
reset role;
select results_eq(
    $$ select n.notes, n.version, n.had_only_key
    from probe.note as n
    where n.id = pg_temp.task(1) $$,
    $$ values (array[1], 1, true) $$,
    'the first event of a key meets a row with only its key, whoever appends'
);
select pg_temp.note(1, '2');
select pg_temp.note(1, '3');
select results_eq(
    $$ select n.notes, n.version, n.had_only_key
    from probe.note as n
    where n.id = pg_temp.task(1) $$,
    $$ values (array[1, 2, 3], 3, true) $$,
    'the next ones go on from the row'
);
select pg_temp.note(1, '', '[]', 'Dropped');
select is(pg_temp.note_rows(), '{}'::jsonb, 'a fold that gives null removes the row');
select pg_temp.note(1, '', '[]', 'Dropped');
select is(pg_temp.note_rows(), '{}'::jsonb, 'also one that is not there');
select pg_temp.note(1, '6');
select results_eq(
    $$ select n.notes, n.version, n.had_only_key
    from probe.note as n
    where n.id = pg_temp.task(1) $$,
    $$ values (array[6], 6, true) $$,
    'the next event starts anew, with only the key'
);
select pg_temp.note(2, '', '[]', 'Dropped');
select pg_temp.note(2, 'not a number', '[]', 'Seen');
select pg_temp.note(1, 'not a number', '[]', 'Seen');
select is(
    pg_temp.note_rows(),
    '{"1": [6]}'::jsonb,
    'a first event may give null, and events of other types are ignored'
);
select pg_temp.note(2, '8');
select is(
    pg_temp.note_rows(),
    '{"1": [6], "2": [8]}'::jsonb,
    'each aggregate has its row'
);
insert into evident.event_store (aggregate_id, version, event_type, payload)
values
(pg_temp.task(2), 4, 'Noted', '{"note": 9}'),
(pg_temp.task(3), 1, 'Noted', '{"note": 10}'),
(pg_temp.task(2), 5, 'Noted', '{"note": 11}');
select is(
    pg_temp.note_rows(),
    '{"1": [6], "2": [8, 9, 11], "3": [10]}'::jsonb,
    'events that the owner inserts are folded as well'
);

-- Many events.

select evident.append_events(pg_temp.task(4), pg_temp.notes('1', '2', '3'));
select is(
    pg_temp.note_rows() -> '4',
    '[1, 2, 3]'::jsonb,
    'several events of one append are folded in their order'
);
select evident.append_events(
    pg_temp.task(4), pg_temp.notes('4', 'drop', '5', '6'), 3
);
select results_eq(
    $$ select n.notes, n.version, n.had_only_key
    from probe.note as n
    where n.id = pg_temp.task(4) $$,
    $$ values (array[5, 6], 7, true) $$,
    'one that removes the row lets the next start anew, with only the key'
);
select evident.append_events(pg_temp.task(4), pg_temp.notes('7', 'drop'));
select evident.append_events(pg_temp.task(5), pg_temp.notes('1', 'drop'));
select is(
    pg_temp.note_rows() - array['1', '2', '3'],
    '{}'::jsonb,
    'the last one may remove it'
);
select count(*) as entries
from evident.append_batch(
    jsonb_build_array(
        pg_temp.entry(6, 0, pg_temp.notes('1', '2')),
        pg_temp.entry(4, 9, pg_temp.notes('3')),
        pg_temp.entry(7, 0, pg_temp.notes('drop'))
    )
) \gset
select count(*) as entries
from evident.append_batch(
    jsonb_build_array(
        pg_temp.entry(6, null, pg_temp.notes('4', '5')),
        pg_temp.entry(4, -1, pg_temp.notes('6'))
    )
) \gset
select is(
    pg_temp.note_rows() - array['1', '2', '3'],
    '{"4": [3, 6], "6": [1, 2, 4, 5]}'::jsonb,
    'batches are folded by aggregate'
);

-- What is appended once is folded once.

select evident.append_event(
    pg_temp.task(8), 'Noted', '{"note": 1}', null, '{}', pg_temp.event_id(1)
)
from generate_series(1, 2);
select evident.append_events(pg_temp.task(8), pg_temp.noted(2, 3), 1);
select evident.append_event(pg_temp.task(8), 'Noted', '{"note": 4}');
select is(
    pg_temp.note_rows() -> '8',
    '[1, 4]'::jsonb,
    'an append that is repeated is folded once'
);
select is(
    pg_temp.refusal(
        $$ select evident.append_event(pg_temp.task(8), 'Noted', '{"note": 5}', 1) $$
    ) ->> 'code',
    'PT409',
    'an append that is refused'
);
select is(pg_temp.note_rows() -> '8', '[1, 4]'::jsonb, 'is not folded');

-- The setting by which the append functions choose between the triggers.

create function pg_temp.appended(p_setting text, p_number integer)
returns jsonb
language plpgsql
as $function$
begin
    perform set_config('evident.is_batch', p_setting, true);
    perform pg_temp.note(p_number, '1');
    perform set_config('evident.is_batch', p_setting, true);
    perform pg_temp.note(p_number, '2');
    perform set_config('evident.is_batch', p_setting, true);
    perform evident.append_events(
        pg_temp.task(p_number), pg_temp.notes('3', 'drop', '4', '5')
    );
    perform set_config('evident.is_batch', p_setting, true);
    perform pg_temp.note(p_number, '6');
    perform set_config('evident.is_batch', '', true);
    return pg_temp.note_rows() -> p_number::text;
end;
$function$;

select is(
    pg_temp.appended(c.setting, c.number),
    '[4, 5, 6]'::jsonb,
    format('evident.is_batch set to ''%s'' by a user changes nothing', c.setting)
)
from (
    values ('on', 11), ('off', 12), ('true', 13), ('', 14)
) as c (setting, number);
select is(
    pg_temp.drift('probe.note'),
    '{}'::jsonb,
    'all that is stored is what a replay gives'
);

select pg_get_functiondef(
    'probe.apply_note(probe.note, evident.event_store)'::regprocedure
) as apply_note \gset
create or replace function probe.apply_note(
    p_row probe.note, p_event evident.event_store
)
returns probe.note
language plpgsql
immutable
as $function$
begin
    perform set_config('evident.is_batch', 'on', true);
    p_row.notes := p_row.notes || (p_event.payload ->> 'note')::integer;
    return p_row;
end;
$function$;
insert into evident.event_store (aggregate_id, version, event_type, payload)
select
    pg_temp.task(15),
    n.number,
    'Noted',
    jsonb_build_object('note', n.number)
from generate_series(1, 3) as n (number);
select is(
    pg_temp.note_rows() -> '15',
    '[1, 2, 3]'::jsonb,
    'a fold that sets evident.is_batch has no other event of the statement left out'
);
set local evident.is_batch = '';
:apply_note;

-- Failures.

select is(
    pg_temp.refusal('select evident.' || c.call),
    '{
        "code": "22P02",
        "message":
            "projection probe.note: invalid input syntax for type integer: \"x\"",
        "detail": "{\"projection\": \"probe.note\"}",
        "hint": "repair the fold of probe.note, or '
        'pause_projection(''probe.note'') to go on without it"
    }'::jsonb,
    c.description || ' that cannot be folded is refused as the fold says'
)
from (
    values
    (
        $$append_event(pg_temp.task(20), 'Noted', '{"note": "x"}')$$,
        'a first event'
    ),
    (
        $$append_event(pg_temp.task(1), 'Noted', '{"note": "x"}')$$,
        'an event'
    ),
    (
        $$append_events(pg_temp.task(1), pg_temp.notes('1', 'x'))$$,
        'an append of several events'
    )
) as c (call, description);
select is(
    array[pg_temp.stored(20), pg_temp.stored(1)],
    array[0, 7]::bigint[],
    'and stores no event'
);

create or replace function probe.apply_note(
    p_row probe.note, p_event evident.event_store
)
returns probe.note
language plpgsql
immutable
as $function$
begin
    raise exception using
        errcode = p_event.payload ->> 'code',
        message = 'burnt',
        detail = 'ash',
        hint = 'water';
end;
$function$;

select is(
    pg_temp.refusal(
        $$ select evident.append_event(
            pg_temp.task(1), 'Noted', '{"code": "ZZ001"}'
        ) $$
    ) - 'hint',
    '{"code": "ZZ001", "message": "projection probe.note: burnt", "detail": "ash"}'
    ::jsonb,
    'code and detail are the fold''s'
);
select is(
    pg_temp.refusal(
        $$ select evident.append_event(
            pg_temp.task(1), 'Noted', '{"code": "40001"}'
        ) $$
    ),
    '{"code": "40001", "message": "burnt", "detail": "ash", "hint": "water"}'::jsonb,
    'what is not the fold''s doing is passed on as it is'
);

-- Rows that are no more than a key, and folds that look elsewhere.

set local role evident_projector;
create table probe.member (id uuid primary key);
create function probe.apply_member(p_row probe.member, p_event evident.event_store)
returns probe.member
language sql
immutable
return case p_event.event_type when 'Dropped' then null else p_row end;
reset role;
select evident.drop_projection('probe.note');
select evident.create_projection(
    'probe.member', 'probe.apply_member(probe.member,evident.event_store)',
    array['Noted', 'Dropped', 'x$keep$; end; $keep$ '' " $function$']
);
select evident.run_projection('probe.member', 1000000);
select pg_temp.note(31, '1');
select pg_temp.note(31, '2');
select pg_temp.note(32, '1');
select pg_temp.note(32, '2', '[]', 'Dropped');
select evident.append_events(pg_temp.task(33), pg_temp.notes('1', '2'));
select evident.append_events(pg_temp.task(33), pg_temp.notes('1', '2'));
select pg_temp.note(34, '1', '[]', 'x$keep$; end; $keep$ '' " $function$');
select set_eq(
    $$ select m.id from probe.member as m where m.id > pg_temp.task(30) $$,
    $$ values (pg_temp.task(31)), (pg_temp.task(33)), (pg_temp.task(34)) $$,
    'the key may be the only column, and a type may hold whatever quotes are made of'
);

select * from finish();
rollback;
