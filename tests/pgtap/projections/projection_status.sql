begin;
select plan(20);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select columns_are(
    'evident', 'projection_status',
    array[
        'name', 'mode', 'is_invariant', 'state', 'reason', 'is_stale', 'position',
        'events_behind', 'seconds_behind', 'failures', 'last_error', 'rebuild_slices',
        'rebuild_slices_done', 'rebuilt_at', 'blockers', 'is_snapshot'
    ],
    'the view has its columns'
);
select is(
    pg_temp.permitted('select * from evident.projection_status'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select the status, and so may operators and auditors'
);

-- What was folded of the events, in the order of the names.
create temporary view status as
select
    s.name,
    s.state,
    s.events_behind,
    s.failures
from evident.projection_status as s
where s.name ~ '^probe'
order by s.name;
grant select on status to public;

select is_empty('select * from status', 'without a projection there is no row');
select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select evident.run_projection('probe.label');

set local role evident_reader;
select results_eq(
    $$ select s.*, s.position >= f.head
    from evident.projection_status as s
    cross join evident.feed_status as f
    where s.name ~ '^probe'
    order by s.name $$,
    $$ select
        c.name, c.mode, false, 'running', null::text, false, s.position, 0::bigint,
        0::numeric,
        0::bigint, null::text, null::integer, null::bigint, null::timestamptz,
        0::bigint, false, true
    from (values ('probe.label', 'async'), ('probe.note', 'sync')) as c (name, mode)
    inner join evident.projection_status as s on c.name = s.name
    order by c.name $$,
    'where all is folded nothing is behind'
);
reset role;

-- Behind.

insert into evident.event_store (
    aggregate_id, version, event_type, payload, occurred_at
)
values (
    pg_temp.task(1), 1, 'Noted', '{"note": 1, "labels": ["red"]}',
    clock_timestamp() - interval '90 seconds'
);
select pg_temp.note(1, '2', '["red"]') as last \gset
select results_eq(
    'select * from status',
    $$ values
    ('probe.label', 'running', 2::bigint, 0::bigint),
    ('probe.note', 'running', 0, 0) $$,
    'an asynchronous projection is behind by the events that it has not seen'
);
select is(
    (
        select s.seconds_behind between 90 and 900
        from evident.projection_status as s
        where s.name = 'probe.label'
    ),
    true,
    'and by the age of the oldest event that waits'
);
select is(
    (
        select s.position
        from evident.projection_status as s
        where s.name = 'probe.note'
    ),
    :last::bigint,
    'one that appends keep is at the head'
);
savepoint held;
:safe_position;
select pg_advisory_xact_lock_shared((17750::bigint << 48) | (:last - 1));
select s.events_behind as behind
from status as s
where s.name = 'probe.label' \gset
rollback to held;
select is(
    :behind,
    2,
    'what the feed holds back is behind as well'
);

-- Failures.

select evident.run_projection('probe.label');
select pg_temp.note(1, '3', '["red"]');
select evident.pause_projection('probe.note');
select pg_temp.note(1, 'x', '["red", "blue"]');
select evident.run_projection('probe.label');
select results_eq(
    'select * from status',
    $$ values
    ('probe.label', 'running', 0::bigint, 2::bigint),
    ('probe.note', 'paused', 1, 0) $$,
    'parked keys are counted, and a paused projection falls behind'
);
set local evident_test.minutes = 1;
select pg_temp.note(2, 'y', '["green"]');
select evident.run_projection('probe.label');
select results_eq(
    $$ select s.failures, s.last_error
    from evident.projection_status as s
    where s.name = 'probe.label' $$,
    $$ values (3::bigint, '22P02 invalid input syntax for type integer: "y"') $$,
    'with the newest error'
);
select evident.resume_projection('probe.note');
select is(
    (select s.state from status as s where s.name = 'probe.note'),
    'catching_up',
    'a projection that is resumed has to catch up'
);

-- Rebuilds.

create or replace function probe.apply_label(
    p_row probe.label, p_event evident.event_store
)
returns probe.label
language sql
immutable
return p_row;
create function pg_temp.rebuilt()
returns text
language sql
volatile
begin atomic
    select format(
        '%s %s %s %s', s.is_stale, s.rebuild_slices, s.rebuild_slices_done,
        s.rebuilt_at at time zone 'UTC'
    )
    from evident.projection_status as s
    where s.name = 'probe.label';
end;
select is(
    (
        select s.is_stale
        from evident.projection_status as s
        where s.name = 'probe.label'
    ),
    true,
    'with another fold a projection is stale'
);
set local evident_test.minutes = 7;
select evident.rebuild_projection('probe.label', 1, 2);
select is(
    pg_temp.rebuilt(),
    't 2 1 2026-01-01 00:07:00',
    'the slices of a rebuild are counted as they are done'
);
set local evident_test.minutes = 9;
select evident.rebuild_projection('probe.label', 0, 2);
select is(
    pg_temp.rebuilt(),
    'f 2 2 2026-01-01 00:09:00',
    'with all of them it is fresh'
);
select evident.rebuild_projection('probe.label');
select is(
    pg_temp.rebuilt(),
    'f 1 1 2026-01-01 00:09:00',
    'of several rebuilds the newest is told'
);

-- What a projection is made of.

set local role evident_reader;
set local search_path = tap, probe, evident;
select is(
    pg_temp.rebuilt(),
    'f 1 1 2026-01-01 00:09:00',
    'the search path of who asks does not matter'
);
reset role;
set local search_path = tap;

create function pg_temp.is_stale_after(p_statement text)
returns boolean
language plpgsql
as $function$
declare
    v_is_stale boolean;
begin
    execute p_statement;
    select s.is_stale
    into v_is_stale
    from evident.projection_status as s
    where s.name = 'probe.label';
    raise exception using errcode = 'ZZ000', message = v_is_stale::text;
exception when sqlstate 'ZZ000' then
    return sqlerrm::boolean;
end;
$function$;

select is(
    pg_temp.is_stale_after(c.statement),
    true,
    c.description || ' makes it stale'
)
from (
    values
    ('alter table probe.label add column extra text', 'a new column'),
    ('alter table probe.label alter column had_only_key type text', 'another type'),
    (
        'alter function probe.labels(evident.event_store) stable',
        'a change of the function that tells the keys'
    ),
    (
        'alter function probe.apply_label(probe.label, evident.event_store) '
        'rename to gone',
        'a fold that is missing'
    )
) as c (statement, description);

select * from finish();
rollback;
