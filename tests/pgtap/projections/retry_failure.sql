begin;
select plan(16);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.retry_failure('probe.nobody', 'k') $$),
    array['evident_operator'],
    'operators may retry'
);
select is(
    pg_temp.refusal($$ select evident.retry_failure('probe.nobody', 'k') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.nobody"}}'::jsonb,
    'a name that nobody has is refused'
);

select pg_temp.register('note', 'async'), pg_temp.register('label', 'async');
select is(
    pg_temp.refusal(
        format($$ select evident.retry_failure('probe.label', %s) $$, c.argument)
    ),
    jsonb_build_object(
        'code', 'PT404',
        'message', 'projection probe.label has no parked key ' || c.argument,
        'detail', jsonb_build_object('name', 'probe.label', 'key', c.key),
        'hint', 'see evident.projection_failure'
    ),
    c.description || ' is refused'
)
from (
    values
    ('''it''''s mine''', 'it''s mine', 'a key that is not parked'),
    ('null', null, 'null')
) as c (argument, key, description);
select is(
    pg_temp.refused_argument($$ select evident.retry_failure('probe.note', 'k') $$),
    'p_key',
    'a text that can be no key is refused'
);

select pg_temp.note(1, '1', '["red"]');
select pg_temp.note(1, 'x', '["red", "blue"]');
select pg_temp.note(1, '2', '["red"]');
select pg_temp.note(1, 'y', '["red"]');
select pg_temp.note(1, '3', '["red"]');
select pg_temp.note(2, '4', '["blue"]');
select evident.run_projection('probe.note'), evident.run_projection('probe.label');

set local role evident_operator;
select is(
    evident.retry_failure('probe.note', pg_temp.task(1)::text),
    0::bigint,
    'a fold that still fails folds nothing'
);
reset role;
select is(
    pg_temp.parked('probe.note'),
    '{"1": ["x", "22P02", 2]}'::jsonb,
    'and the attempt is counted'
);

-- Repaired by half.
create function pg_temp.repair(p_model text, p_note text)
returns void
language plpgsql
as $function$
begin
    execute replace(
        pg_get_functiondef(
            format('probe.apply_%1$s(probe.%1$s,evident.event_store)', p_model)
            ::regprocedure
        ),
        'p_event.payload ->> ''note'')',
        format('nullif(p_event.payload ->> ''note'', %L))', p_note)
    );
end;
$function$;

select pg_temp.repair('note', 'x'), pg_temp.repair('label', 'x');
select is(
    array[
        evident.retry_failure('probe.note', pg_temp.task(1)::text),
        evident.retry_failure('probe.label', 'red')
    ],
    array[2, 2]::bigint[],
    'after a repair the events that wait are folded, up to the next that fails'
);
select is(
    array[pg_temp.note_rows(), pg_temp.label_rows()],
    array['{"1": [1, null, 2], "2": [4]}', '{"red": [1, null, 2]}']::jsonb[],
    'in their order'
);
select is(
    array[pg_temp.parked('probe.note'), pg_temp.parked('probe.label')],
    array[
        '{"1": ["y", "22P02", 1]}',
        '{"red": ["y", "22P02", 1], "blue": ["x", "22P02", 1]}'
    ]::jsonb[],
    'and the key is parked behind that one; other keys wait for their own retry'
);
select evident.retry_failure('probe.label', 'blue');
select is(
    pg_temp.label_rows() -> 'blue',
    '[null, 4]'::jsonb,
    'which folds theirs'
);

-- Repaired in full, with a fold that fails for a moment: what succeeds one by one
-- is not parked any more.
create sequence probe.calls owned by none;
alter sequence probe.calls owner to evident_projector;
create or replace function probe.apply_note(
    p_row probe.note, p_event evident.event_store
)
returns probe.note
language plpgsql
stable
as $function$
begin
    if nextval('probe.calls') = 2 then
        raise exception 'not just now';
    end if;
    p_row.notes := p_row.notes || (p_event.payload ->> 'note' = 'y')::integer;
    return p_row;
end;
$function$;
select is(
    evident.retry_failure('probe.note', pg_temp.task(1)::text),
    2::bigint,
    'the rest is folded one by one where it fails at once'
);
select is(
    array[pg_temp.note_rows() -> '1', pg_temp.parked('probe.note')],
    array['[1, null, 2, 1, 0]', '{}']::jsonb[],
    'and then the key is not parked any more'
);
select pg_temp.note(1, '5', '[]');
select evident.run_projection('probe.note');
select is(
    pg_temp.note_rows() -> '1',
    '[1, null, 2, 1, 0, 0]'::jsonb,
    'so later runs fold its events'
);

-- Keys that could not be told.

select pg_temp.note(3, '6', '"none"');
select pg_temp.note(3, '7', '["blue"]');
select evident.run_projection('probe.label');
create or replace function probe.labels(p_event evident.event_store)
returns setof text
language sql
immutable
return jsonb_array_elements_text(
    case jsonb_typeof(p_event.payload -> 'labels')
        when 'array' then p_event.payload -> 'labels'
        else '["none"]'
    end
);
select is(
    array[
        evident.retry_failure('probe.label', ''), evident.run_projection('probe.label')
    ],
    array[0, 2]::bigint[],
    'where keys could not be told, the next run tries again'
);
select is(
    pg_temp.label_rows() - 'red',
    '{"none": [6], "blue": [null, 4, 7]}'::jsonb,
    'and goes on'
);

select * from finish();
rollback;
