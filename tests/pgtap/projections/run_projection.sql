-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
select pg_temp.refusal($$ select evident.run_projection('shop.daily_sales') $$)
as repeatable_read \gset
rollback;

begin isolation level serializable;
\ir ../helpers/refusal.psql
select pg_temp.refusal($$ select evident.run_projection('shop.daily_sales') $$)
as serializable \gset
rollback;

begin;
select plan(40);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    c.refusal - 'message' #- '{detail,reason}',
    '{
        "code": "PT400",
        "detail": {"argument": "transaction_isolation"},
        "hint": "read the feed at READ COMMITTED"
    }'::jsonb,
    c.level || ' is refused with a hint'
)
from (
    values
    ('REPEATABLE READ', :'repeatable_read'::jsonb),
    ('SERIALIZABLE', :'serializable')
) as c (level, refusal);
select is(
    pg_temp.permitted($$ select evident.run_projection('probe.nobody') $$),
    array['evident_operator'],
    'operators may run projections'
);
select is(
    pg_temp.refusal($$ select evident.run_projection('probe.nobody') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.nobody"}}'::jsonb,
    'a name that nobody has is refused'
);
select is(
    pg_temp.refused_argument(
        format($$ select evident.run_projection('probe.nobody', %s) $$, c.value)
    ),
    'p_limit',
    'the limit ' || c.value || ' is refused'
)
from (values ('null'), ('0'), ('-1')) as c (value);

create function pg_temp.position_of(p_name text)
returns bigint
language sql
volatile
begin atomic
    select p.position from evident.projection as p where p.name = p_name;
end;

select pg_temp.register('note', 'async'), pg_temp.register('label', 'async');
select evident.run_projection('probe.note'), evident.run_projection('probe.label');

-- The feed.

savepoint held;
:safe_position;
insert into evident.event_store (aggregate_id, version, event_type, payload)
values (pg_temp.task(1), 1, 'Noted', '{"note": 1}')
returning id as first \gset
select pg_advisory_xact_lock_shared((17750::bigint << 48) | :first);
insert into evident.event_store (aggregate_id, version, event_type, payload)
values (pg_temp.task(1), 2, 'Noted', '{"note": 2}');
select evident.run_projection('probe.note') as held_count \gset
select pg_temp.position_of('probe.note') - :first as held_position \gset
select pg_temp.note_rows() as held_rows \gset
rollback to held;

select is(
    array[:held_count, :held_position],
    array[1, 0],
    'no event is folded that is above the safe position'
);
select is(
    :'held_rows'::jsonb,
    '{"1": [1]}'::jsonb,
    'those below it are'
);

-- Slices.

set local role evident_operator;
select is(evident.run_projection('probe.note'), 0::bigint, 'without events it gives 0');
reset role;
select pg_temp.note(1, '1', '["red", "blue"]');
select pg_temp.note(2, '2', '["red"]');
select pg_temp.note(1, '3', '["blue"]') as third \gset
select pg_temp.note(1, 'not a number', '"none"', 'Seen') as last \gset

set local role evident_operator;
select is(
    evident.run_projection('probe.note', 2),
    2::bigint,
    'it folds p_limit events and gives how many'
);
reset role;
select is(pg_temp.note_rows(), '{"1": [1], "2": [2]}'::jsonb, 'the first ones');
select is(
    pg_temp.position_of('probe.note'),
    :third - 1::bigint,
    'and remembers where it is'
);
select is(
    evident.run_projection('probe.note', 2),
    1::bigint,
    'the next run goes on behind them, and events of other types do not count'
);
select is(
    pg_temp.position_of('probe.note'),
    :last::bigint,
    'but are passed by'
);
select is(
    pg_temp.note_rows(),
    '{"1": [1, 3], "2": [2]}'::jsonb,
    'further events go on from the stored row'
);
select evident.run_projection('probe.label', 2);
select evident.run_projection('probe.label');
select is(
    pg_temp.label_rows(),
    '{"red": [1, 2], "blue": [1, 3]}'::jsonb,
    'an event is folded into the row of each of its keys'
);

-- Rows that go and come back.

select evident.append_events(pg_temp.task(1), pg_temp.notes('4', 'drop', '5', '6'));
select evident.append_events(pg_temp.task(2), pg_temp.notes('7', 'drop'));
select evident.run_projection('probe.note'), evident.run_projection('probe.label');
select results_eq(
    'select n.id, n.notes, n.version, n.had_only_key from probe.note as n',
    $$ values (pg_temp.task(1), array[5, 6], 7, true) $$,
    'a removed row begins anew within a slice, with only its key'
);
select is(
    pg_temp.label_rows(),
    '{"red": [1, 2], "blue": [1, 3]}'::jsonb,
    'across aggregates as well'
);
select pg_temp.note(2, '8');
select evident.run_projection('probe.note'), evident.run_projection('probe.label');
select results_eq(
    $$ select n.notes, n.version, n.had_only_key
    from probe.note as n
    where n.id = pg_temp.task(2) $$,
    $$ values (array[8], 4, true) $$,
    'and in a later one'
);
select is(
    pg_temp.drift('probe.note') || pg_temp.drift('probe.label'),
    '{}'::jsonb,
    'all that is stored is what a replay gives'
);

-- A fold that fails.

select pg_temp.note(1, '9', '["red"]');
select pg_temp.note(3, '10', '["blue"]');
select pg_temp.note(3, 'x', '["blue", "red"]') as failing \gset
select pg_temp.note(1, '11', '["green"]');
select pg_temp.note(3, '12', '["green", "blue"]');
select pg_temp.note(4, '13', '["all"]') as last \gset
select is(
    evident.run_projection('probe.note'),
    6::bigint,
    'a slice in which an event fails is dealt with to its end'
);
select is(
    pg_temp.note_rows(),
    '{"1": [5, 6, 9, 11], "2": [8], "3": [10], "4": [13]}'::jsonb,
    'the key stays before the event, and the others go on'
);
select results_eq(
    $$ select f.key, f.position, f.code, f.message, f.attempts, f.failed_at
    from evident.projection_failure as f
    where f.projection = 'probe.note' $$,
    format(
        $$ values (
            pg_temp.task(3)::text, %s::bigint, '22P02',
            'invalid input syntax for type integer: "x"', 1,
            '2026-01-01 00:00:00+00'::timestamptz
        ) $$,
        :failing
    ),
    'the failure is on record'
);
select is(pg_temp.position_of('probe.note'), :last::bigint, 'the checkpoint moves on');
select evident.run_projection('probe.label', 2);
select evident.run_projection('probe.label', 2);
select evident.run_projection('probe.label', 2);
select is(
    pg_temp.label_rows(),
    '{"red": [1, 2, 9], "blue": [1, 3, 10], "green": [11, 12], "all": [13]}'::jsonb,
    'of several keys of an event each is parked, and waits with its later events'
);
select pg_temp.note(3, '14', '["red"]');
select pg_temp.note(4, '15', '["all"]');
select evident.run_projection('probe.note'), evident.run_projection('probe.label');
select is(
    array[pg_temp.note_rows() - array['1', '2'], pg_temp.label_rows() - 'green'],
    array[
        '{"3": [10], "4": [13, 15]}',
        '{"red": [1, 2, 9], "blue": [1, 3, 10], "all": [13, 15]}'
    ]::jsonb[],
    'later runs leave parked keys alone'
);
select is(
    array[pg_temp.parked('probe.note'), pg_temp.parked('probe.label')],
    array[
        '{"3": ["x", "22P02", 1]}',
        '{"blue": ["x", "22P02", 1], "red": ["x", "22P02", 1]}'
    ]::jsonb[],
    'which are parked once'
);
alter table probe.note add constraint note_notes_check check (notes[1] < 100);
select pg_temp.note(4, '', '[]', 'Dropped');
select pg_temp.note(4, '100');
select evident.run_projection('probe.note');
select is(
    pg_temp.parked('probe.note') -> '4',
    '["100", "23514", 1]'::jsonb,
    'a row that the read model refuses parks its key, too'
);

-- Keys that cannot be told.

select evident.run_projection('probe.label');
select pg_temp.note(5, '16', '["all"]');
select pg_temp.note(5, '17', '"none"') as failing \gset
select pg_temp.note(5, '18', '["all"]');
select is(
    evident.run_projection('probe.label'),
    1::bigint,
    'an event whose keys cannot be told stops the projection'
);
select results_eq(
    $$ select f.position, f.code, f.message
    from evident.projection_failure as f
    where f.projection = 'probe.label' and f.key = '' $$,
    format(
        $$ values (%s::bigint, '22023', 'cannot extract elements from a scalar') $$,
        :failing
    ),
    'the failure is on record with an empty key'
);
select is(
    array[
        pg_temp.position_of('probe.label'), evident.run_projection('probe.label')
    ],
    array[:failing - 1, 0]::bigint[],
    'and runs wait before it'
);

-- A fold that is not there.

select pg_temp.note(6, '19');
select pg_get_functiondef('probe.apply_note(probe.note,evident.event_store)'
    ::regprocedure) as fold \gset
select is(
    pg_temp.refusal($$ drop function probe.apply_note $$) ->> 'code',
    '2BP01',
    'a registered fold is not dropped unnoticed'
);
drop function probe.apply_note(probe.note, evident.event_store) cascade;
select is(
    pg_temp.refusal($$ select evident.run_projection('probe.note') $$) - 'message',
    '{
        "code": "42883",
        "detail": "{\"projection\": \"probe.note\"}",
        "hint": "repair the fold of probe.note, or '
        'pause_projection(''probe.note'') to go on without it"
    }'::jsonb,
    'a fold that is missing is an error, and parks nothing'
);
:fold;
alter function probe.apply_note(probe.note, evident.event_store)
owner to evident_projector;

-- A synchronous one.

select evident.drop_projection('probe.note');
truncate probe.note;
alter table probe.note drop constraint note_notes_check;
select pg_temp.register('note');
select is(
    evident.run_projection('probe.note', 100000) > 0
    and pg_temp.parked('probe.note') ? '3',
    true,
    'one that catches up parks keys as well'
);
select is(
    (select p.state from evident.projection as p where p.name = 'probe.note'),
    'running',
    'and is handed over to the appends all the same'
);
select is(
    pg_temp.refusal($$ select pg_temp.note(3, '4') $$) ->> 'code',
    'PT423',
    'which the parked key refuses'
);
select evident.skip_failure('probe.note', f.key, 'carol', 'a test')
from evident.projection_failure as f
where f.projection = 'probe.note';
select evident.run_projection('probe.note');
select pg_temp.note(6, '20');
select is(
    array[
        evident.run_projection('probe.note')::text::jsonb, pg_temp.note_rows() -> '6'
    ],
    array['0', '[19, 20]']::jsonb[],
    'all others are kept by the appends; a run has nothing to do'
);


-- What is no fault of the fold ends the run, and the hand-over can be tried again.

select evident.drop_projection('probe.note');
truncate probe.note;
select evident.create_projection(
    'probe.note', 'probe.apply_note(probe.note,evident.event_store)', array['Dropped']
);
alter schema probe owner to evident_writer;
select is(
    pg_temp.refusal($$ select evident.run_projection('probe.note', 100000) $$)
    ->> 'message',
    'invalid argument p_name: schema probe belongs to evident_writer',
    'where the schema was given to somebody else, the run says so'
);
alter schema probe owner to evident_projector;
select evident.run_projection('probe.note', 100000);
select is(
    (select p.state from evident.projection as p where p.name = 'probe.note'),
    'running',
    'and the next one hands over'
);

select * from finish();
rollback;
