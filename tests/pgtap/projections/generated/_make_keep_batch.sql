-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../../helpers/refusal.psql
\ir ../../helpers/documents.psql
\ir ../../helpers/projections.psql
-- Registering is refused as well; only the append is of interest here.
create or replace function evident._refuse_one_snapshot()
returns void
language sql
stable
parallel safe
begin atomic
    select null::void;
end;
select pg_temp.keep('label');
select pg_temp.refusal($$ select pg_temp.note(1, '1', '["red"]') $$)
as repeatable_read \gset
rollback;

begin isolation level serializable;
\ir ../../helpers/refusal.psql
\ir ../../helpers/documents.psql
\ir ../../helpers/projections.psql
-- Registering is refused as well; only the append is of interest here.
create or replace function evident._refuse_one_snapshot()
returns void
language sql
stable
parallel safe
begin atomic
    select null::void;
end;
select pg_temp.keep('label');
select pg_temp.refusal($$ select pg_temp.note(1, '1', '["red"]') $$)
as serializable \gset
rollback;

begin;
select plan(23);
\ir ../../helpers/refusal.psql
\ir ../../helpers/documents.psql
\ir ../../helpers/projections.psql

select is(
    c.refusal - 'message' #- '{detail,reason}',
    '{
        "code": "PT400",
        "detail": {"argument": "transaction_isolation"},
        "hint": "append at READ COMMITTED"
    }'::jsonb,
    'for keys across aggregates ' || c.level || ' is refused with a hint'
)
from (
    values
    ('REPEATABLE READ', :'repeatable_read'::jsonb),
    ('SERIALIZABLE', :'serializable')
) as c (level, refusal);

select is(pg_temp.keep('label'), 'running', 'a projection by label is kept by appends');
select results_eq(
    $$ select t.tgname, t.tgfoid::regprocedure::text, t.tgtype & 1 = 1, t.tgenabled
    from pg_trigger as t
    where t.tgname ~ 'probe' $$,
    $$ values
    (
        'event_store_keep_batch_probe.label'::name,
        'evident."keep_batch_probe.label"()', false,
        'O'::"char"
    ) $$,
    'there is a trigger for many events alone'
);

-- Keys.

set local role evident_writer;
select evident.append_event(
    pg_temp.task(1), 'Noted', '{"note": "1", "labels": ["red"]}', 0
);
reset role;
select results_eq(
    'select l.label, l.notes, l.had_only_key from probe.label as l',
    $$ values ('red', array[1], true) $$,
    'the first event of a key meets a row with only its key, whoever appends'
);
select pg_temp.note(2, '2', '["red", "blue"]');
select pg_temp.note(3, '3', '[]');
select is(
    pg_temp.label_rows(),
    '{"red": [1, 2], "blue": [2]}'::jsonb,
    'an event is folded into the row of each of its keys, or of none'
);
select pg_temp.note(1, '4', '["red", "red", null]');
select is(
    pg_temp.label_rows(),
    '{"red": [1, 2, 4], "blue": [2]}'::jsonb,
    'and once, where a key is told twice, and a null is no key'
);
select pg_temp.note(1, '', '["red", "green"]', 'Dropped');
select is(
    pg_temp.label_rows(),
    '{"blue": [2]}'::jsonb,
    'a fold that gives null removes the row'
);
select pg_temp.note(1, '6', '["red", "blue"]');
select results_eq(
    'select l.label, l.notes, l.had_only_key from probe.label as l order by l.label',
    $$ values ('blue', array[2, 6], true), ('red', array[6], true) $$,
    'the next event starts anew, with only the key'
);
select pg_temp.note(1, 'not a number', '"none"', 'Seen');
select is(
    pg_temp.label_rows(),
    '{"red": [6], "blue": [2, 6]}'::jsonb,
    'events of other types are ignored, and their keys not asked for'
);

-- Many events.

select evident.append_events(pg_temp.task(4), pg_temp.notes('1', '2', '3'));
select is(
    pg_temp.label_rows() -> 'all',
    '[1, 2, 3]'::jsonb,
    'several events of one append are folded in their order'
);
select count(*) as entries
from evident.append_batch(
    jsonb_build_array(
        pg_temp.entry(5, 0, pg_temp.notes('4', 'drop', '5')),
        pg_temp.entry(6, 0, pg_temp.notes('6'))
    )
) \gset
select is(
    pg_temp.label_rows() -> 'all',
    '[5, 6]'::jsonb,
    'those of a batch, too, and one that removes the row lets the next start anew'
);
select count(*) as entries
from evident.append_batch(
    jsonb_build_array(
        pg_temp.entry(5, -1, pg_temp.notes('7')),
        pg_temp.entry(6, null, pg_temp.notes('8', '9'))
    )
) \gset
set local evident.is_batch = 'on';
select evident.append_event(
    pg_temp.task(7), 'Noted', '{"note": 10, "labels": ["all"]}'
);
set local evident.is_batch = 'off';
select evident.append_events(pg_temp.task(7), pg_temp.notes('11', '12'));
select is(
    pg_temp.label_rows() -> 'all',
    '[5, 6, 7, 8, 9, 10, 11, 12]'::jsonb,
    'evident.is_batch set by a user changes nothing'
);
select is(
    pg_temp.drift('probe.label'),
    '{}'::jsonb,
    'all that is stored is what a replay gives'
);

-- Order. An event with an id below one that its key has seen, as of a rival that
-- drew it earlier and comes to the key later.

select nextval('evident.event_store_id_seq') as earlier \gset
select pg_temp.note(8, '13', '["green"]');
select is(
    pg_temp.refusal(
        format(
            $$ insert into evident.event_store (
                id, aggregate_id, version, event_type, payload
            )
            overriding system value
            values (
                %s, pg_temp.task(9), 1, 'Noted',
                '{"note": 14, "labels": ["red", "green"]}'
            ) $$,
            :earlier
        )
    ),
    '{
        "code": "40001",
        "message": "could not fold into probe.label in the order of the feed: '
        'a later event of the same key was there first",
        "detail": "{\"projection\": \"probe.label\"}",
        "hint": "append again"
    }'::jsonb,
    'an event that comes to a key behind a later one is refused'
);
select is(
    pg_temp.refusal(
        format(
            $$ insert into evident.event_store (
                id, aggregate_id, version, event_type, payload
            )
            overriding system value
            values (
                %s, pg_temp.task(9), 1, 'Noted', '{"note": 14, "labels": ["red"]}'
            ) $$,
            :earlier
        )
    ),
    null,
    'one of another key is not'
);

-- Failures.

select is(
    pg_temp.refusal($$ select pg_temp.note(1, 'x', '["red"]') $$),
    '{
        "code": "22P02",
        "message":
            "projection probe.label: invalid input syntax for type integer: \"x\"",
        "detail": "{\"projection\": \"probe.label\"}",
        "hint": "repair the fold of probe.label, or '
        'pause_projection(''probe.label'') to go on without it"
    }'::jsonb,
    'an event that cannot be folded is refused as the fold says'
);
select is(
    pg_temp.refusal($$ select pg_temp.note(1, '1', '"none"') $$),
    '{
        "code": "22023",
        "message": "projection probe.label: cannot extract elements from a scalar",
        "detail": "{\"projection\": \"probe.label\"}",
        "hint": "repair the fold of probe.label, or '
        'pause_projection(''probe.label'') to go on without it"
    }'::jsonb,
    'an event whose keys cannot be told is refused likewise'
);
select is(
    pg_temp.label_rows() -> 'red',
    '[6, 14]'::jsonb,
    'and nothing is folded'
);

-- A fold that gives a row of another key.

create or replace function probe.apply_label(
    p_row probe.label, p_event evident.event_store
)
returns probe.label
language plpgsql
immutable
as $function$
begin
    p_row.notes := p_row.notes || case p_row.label when 'kept' then 1 else 0 end;
    p_row.label := 'lost';
    return p_row;
end;
$function$;

select pg_temp.note(1, '1', '["kept"]');
select pg_temp.note(1, '1', '["kept"]');
select evident.append_events(
    pg_temp.task(1), jsonb_build_array(e.event, e.event)
)
from jsonb_build_object(
    'type', 'Noted', 'payload', '{"labels": ["kept"]}'::jsonb
) as e (event);
select is(
    pg_temp.label_rows() - array['red', 'blue', 'green', 'all'],
    '{"kept": [1, 1, 1, 1]}'::jsonb,
    'a fold cannot change the key, and does not meet the change with the next event'
);
select is(
    pg_temp.drift('probe.label') -> 'kept',
    null,
    'neither does a replay'
);

-- Types with whatever quotes are made of.

select lives_ok(
    $$ select evident.create_projection(
        'probe.label', 'probe.apply_label(probe.label,evident.event_store)',
        array['x$keep$; end; $keep$ '' " $function$'], 'sync',
        'probe.labels(evident.event_store)'
    ) $$,
    'a type may end what a function''s body begins with'
);
select pg_temp.note(
    1, '1', '["kept", "dollar"]', 'x$keep$; end; $keep$ '' " $function$'
);
select is(
    array_length(l.notes, 1),
    5,
    'and its events are folded'
)
from probe.label as l
where l.label = 'kept';

select * from finish();
rollback;
