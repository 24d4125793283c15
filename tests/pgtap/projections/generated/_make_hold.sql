begin;
select plan(20);
\ir ../../helpers/refusal.psql
\ir ../../helpers/documents.psql
\ir ../../helpers/projections.psql

-- Created over events of which one of key 1, and one of label red, cannot be folded.

select pg_temp.note(1, '1', '["red", "blue"]');
select pg_temp.note(1, 'x', '["red"]') as bad \gset
select pg_temp.note(1, '2', '["red"]');
select pg_temp.note(2, '3', '["blue"]');
select pg_temp.keep('note'), pg_temp.keep('label');

create temporary view status as
select
    s.name,
    s.state,
    s.failures
from evident.projection_status as s
where s.name ~ '^probe'
order by s.name;
create temporary view changed as
select
    g.kind,
    g.name
from evident.guard_status() as g
where not g.is_intact and g.name ~ 'probe[.]';

select results_eq(
    'select * from status',
    $$ values ('probe.label', 'running', 1::bigint), ('probe.note', 'running', 1) $$,
    'a projection with parked keys is running'
);
select is_empty('select * from changed', 'its triggers are as they were made');
select is(
    pg_temp.drift('probe.note') || pg_temp.drift('probe.label'),
    '{}'::jsonb,
    'a parked key is compared up to its failure'
);

-- In the transaction of the append: other keys are folded, parked ones refused.

select pg_temp.note(2, '4', '["blue", "green"]');
select is(
    pg_temp.note_rows() || pg_temp.label_rows(),
    '{"1": [1], "2": [3, 4], "red": [1], "blue": [1, 3, 4], "green": [4]}'::jsonb,
    'the other keys are folded with the append'
);
select is(
    pg_temp.refusal($$ select pg_temp.note(1, '5', '["green"]') $$),
    jsonb_build_object(
        'code', 'PT423',
        'message', format(
            'projection probe.note: the key ''%s'' is parked behind event %s',
            pg_temp.task(1), :bad
        ),
        'detail', jsonb_build_object(
            'projection', 'probe.note', 'key', pg_temp.task(1), 'position', :bad
        ),
        'hint', format(
            'repair the fold and call evident.retry_failure(''probe.note'', ''%s''), or'
            ' leave the event out with evident.skip_failure; all other keys go on',
            pg_temp.task(1)
        )
    ),
    'an append to a parked key is refused, with the key and the event'
);
select is(
    pg_temp.refusal($$ select pg_temp.note(2, '5', '["green", "red"]') $$) -> 'detail',
    jsonb_build_object('projection', 'probe.label', 'key', 'red', 'position', :bad),
    'also where one of several keys is parked'
);
select is(
    pg_temp.refusal(
        format(
            $$ select evident.append_batch(%L) $$,
            jsonb_build_array(
                jsonb_build_object(
                    'aggregate_id', pg_temp.task(3), 'events', pg_temp.notes('6')
                ),
                jsonb_build_object(
                    'aggregate_id', pg_temp.task(1), 'events', pg_temp.notes('7')
                )
            )
        )
    ) #>> '{detail,key}',
    pg_temp.task(1)::text,
    'a batch is refused as a whole when one of its keys is parked'
);
select is(pg_temp.stored(3), 0::bigint, 'and stores nothing');
select is(
    pg_temp.refusal(
        format(
            'select evident.append_events(%L, %L)', pg_temp.task(1), pg_temp.notes('7')
        )
    ) ->> 'code',
    'PT423',
    'so are several events of the parked key'
);
select is(
    pg_temp.refusal($$ select pg_temp.note(1, 'x', '["red"]') $$) ->> 'code',
    'PT423',
    'the parked key is told before its fold could fail'
);
select lives_ok(
    $$ select evident.append_event(pg_temp.task(1), 'Other', '{"labels": ["red"]}') $$,
    'events of types that are not folded go on'
);
select lives_ok(
    $$ select evident._append_own_event('Own', '{"labels": ["red"]}') $$,
    'and so do those of the store'
);

-- Freed: the trigger is off with the next run.

create temporary view holding as
select
    t.tgname,
    t.tgenabled
from pg_trigger as t
where t.tgname ~ '^event_store_hold_event_probe'
order by t.tgname;
select is(
    evident.skip_failure('probe.note', pg_temp.task(1)::text, 'carol', 'a typo')
    + evident.skip_failure('probe.label', 'red', 'carol', 'a typo'),
    2::bigint,
    'the events behind it are folded when it is skipped'
);
select pg_temp.note(1, '8', '["red"]');
select evident.run_projection('probe.note');
select results_eq(
    'select * from holding',
    $$ values
    ('event_store_hold_event_probe.label'::name, 'O'::"char"),
    ('event_store_hold_event_probe.note', 'D') $$,
    'the next run ends the look for parked keys'
);
select is_empty('select * from changed', 'which is no change of the guards');
select pg_temp.note(1, '9', '["red"]');
select is(
    pg_temp.note_rows() || pg_temp.label_rows(),
    '{"1": [1, 2, 8, 9], "2": [3, 4], "red": [1, 2, 8, 9], "blue": [1, 3, 4],
    "green": [4]}'::jsonb,
    'and the key is kept by the appends again'
);

-- Paused and resumed, under other types; parked keys that somebody lets through.

select evident.pause_projection('probe.note');
select pg_temp.note(2, 'y');
select evident.create_projection(
    'probe.note', 'probe.apply_note(probe.note,evident.event_store)', array['Noted']
);
select evident.resume_projection('probe.note');
select evident.run_projection('probe.note');
select is_empty('select * from changed', 'what is made anew is recorded');
alter table evident.event_store disable trigger "event_store_hold_event_probe.note";
select results_eq(
    'select * from changed',
    $$ values
    ('trigger', 'event_store.event_store_hold_event_probe.note') $$,
    'a trigger that does not refuse parked keys is'
);
alter table evident.event_store enable trigger "event_store_hold_event_probe.note";
select evident.pause_projection('probe.note');
select results_eq(
    'select * from holding',
    $$ values
    ('event_store_hold_event_probe.label'::name, 'O'::"char"),
    ('event_store_hold_event_probe.note', 'D') $$,
    'a paused projection refuses nothing'
);
select evident.drop_projection('probe.note');
select evident.drop_projection('probe.label');
select is_empty('select * from holding', 'a projection is dropped with it');

select * from finish();
rollback;
