begin;
select plan(20);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql
:record_guard_changes;

-- What the store's own events say, the newest last.
create temporary view attested as
select
    e.version,
    e.payload -> 'added' as added,
    e.payload -> 'removed' as removed,
    e.payload ->> 'fingerprint' as fingerprint
from evident.event_store as e
where
    e.aggregate_id = '00000000-0000-0000-0000-000000000000'
    and e.event_type = 'GuardChanged';

-- All events folded: the guards that came and have not gone, in order of coming.
create function pg_temp.folded()
returns setof jsonb
language plpgsql
stable
as $function$
declare
    v_event attested;
    v_guards jsonb[] := '{}';
begin
    for v_event in select a.* from attested as a order by a.version loop
        v_guards := array(
            select g.guard
            from unnest(v_guards) as g (guard)
            where g.guard not in (select jsonb_path_query(v_event.removed, '$[*]'))
        );
        v_guards := v_guards || array(select jsonb_path_query(v_event.added, '$[*]'));
    end loop;
    return query select g.guard from unnest(v_guards) as g (guard);
end;
$function$;

-- How the newest event differs from the one before, by kind and name.
create function pg_temp.newest()
returns text
language sql
volatile
begin atomic
    select concat_ws(
        ' ',
        'version', a.version,
        (
            select string_agg(
                format('+%s: %s', g.guard ->> 'name', g.guard ->> 'state'), ' '
                order by g.guard
            )
            from jsonb_array_elements(a.added) as g (guard)
        ),
        (
            select string_agg(
                format('-%s: %s', g.guard ->> 'name', g.guard ->> 'state'), ' '
                order by g.guard
            )
            from jsonb_array_elements(a.removed) as g (guard)
        )
    )
    from attested as a
    order by a.version desc
    limit 1;
end;

create function pg_temp.sealed()
returns text
language sql
volatile
begin atomic
    select evident.seal();
    select pg_temp.newest();
end;

-- The first time.

select evident.seal();
select results_eq(
    'select a.version, a.removed from attested as a',
    $$ values (1, '[]'::jsonb) $$,
    'the first seal tells of all guards'
);
select set_eq(
    $$ select g.guard
    from attested as a
    cross join jsonb_array_elements(a.added) as g (guard) $$,
    'select to_jsonb(s) from evident.guard_status() as s',
    'each row of guard_status is one of them'
);
select results_eq(
    'select a.fingerprint from attested as a',
    $$ select encode(
        sha256(
            convert_to(
                jsonb_agg(
                    to_jsonb(s)
                    order by
                        s.kind collate "C", s.name collate "C", s.state collate "C"
                )::text,
                'UTF8'
            )
        ),
        'hex'
    )
    from evident.guard_status() as s $$,
    'the fingerprint is of all rows'
);
select is(
    array[evident.seal(), evident.seal()],
    array[1, 0]::bigint[],
    'the event is sealed next time, and not followed by another one'
);

-- Changes.

alter table evident.event_store disable trigger event_store_history;
select matches(
    pg_temp.sealed(),
    '^version 2 \+event_store.event_store_history: disabled: [^-+]* '
    '-event_store.event_store_history: enabled always: [^-+]*$',
    'a disabled trigger becomes an event'
);
select set_eq(
    'select pg_temp.folded()',
    'select to_jsonb(s) from evident.guard_status() as s',
    'the events folded give guard_status'
);
alter table evident.event_store enable always trigger event_store_history;
create function evident.forged()
returns integer
language sql
begin atomic
    select 1;
end;
revoke all on function evident.forged() from public;
select matches(
    pg_temp.sealed(),
    '^version 3 \+evident.forged\(\): added: owner \w+, sha256 [0-9a-f]{64} '
    '\+event_store.event_store_history: enabled always: [^-+]* '
    '-event_store.event_store_history: disabled: [^-+]*$',
    'a trigger that is enabled again and a new function become one'
);
drop function evident.forged();
select matches(
    pg_temp.sealed(), '^version 4 -evident.forged[^-+]*$',
    'what was removed becomes one'
);
select set_eq(
    'select pg_temp.folded()',
    'select to_jsonb(s) from evident.guard_status() as s',
    'the events folded give guard_status still'
);

-- Settings of the session are no change.

set local quote_all_identifiers = on;
set local bytea_output = 'escape';
set local intervalstyle = 'iso_8601';
set local datestyle = 'German';
set local timezone = 'Asia/Kathmandu';
set local search_path = evident, tap, pg_catalog;
select evident.seal();
reset quote_all_identifiers;
reset bytea_output;
reset search_path;
select is(
    (select max(a.version) from attested as a), 4,
    'what a session says of formats and names is no change'
);

-- What used to be the stream of the log is anybody's, and means nothing.

select lives_ok(
    format(
        $$ select evident.append_event(%L, 'GuardChanged', '{"fingerprint": "0"}') $$,
        (select i.log_id from evident.log_identity as i)
    ),
    'an aggregate with the log''s uuid is one as any other'
);
select is(
    left(pg_temp.sealed(), 10), 'version 4 ', 'what is said there changes nothing'
);

-- Nor does an event with the right fingerprint that an owner writes by hand.

savepoint forged;
create function evident.forged()
returns integer
language sql
begin atomic
    select 1;
end;
revoke all on function evident.forged() from public;
select evident._append_own_event(
    'GuardChanged',
    jsonb_build_object(
        'fingerprint',
        encode(
            sha256(
                convert_to(
                    jsonb_agg(
                        to_jsonb(s)
                        order by
                            s.kind collate "C", s.name collate "C", s.state collate "C"
                    )::text,
                    'UTF8'
                )
            ),
            'hex'
        ),
        'added', '[]'::jsonb,
        'removed', '[]'::jsonb
    )
)
from evident.guard_status() as s;
select matches(
    pg_temp.sealed(), '^version 6 \+evident.forged\(\): added: ',
    'a fingerprint written by hand hides no change'
);
rollback to savepoint forged;

-- More than one event holds: every event is of a bounded size, and together they are
-- read back.

select pg_get_functiondef('evident.guard_status()'::regprocedure) as guard_status \gset
create or replace function evident.guard_status()
returns table (kind text, name text, state text, is_intact boolean)
language sql
stable
parallel safe
begin atomic
    select
        'test' as kind,
        format('%s é "%s"', n.number, repeat('x', 20)) as name,
        repeat(e'\u0001', n.number * 10) as state,
        true as is_intact
    from generate_series(1, 600) as n (number);
end;
create temporary view part as
select
    e.version,
    octet_length(e.payload::text) as size,
    (e.payload ->> 'part')::integer as part,
    (e.payload ->> 'parts')::integer as parts
from evident.event_store as e
where
    e.aggregate_id = '00000000-0000-0000-0000-000000000000'
    and e.event_type = 'GuardChanged'
    and e.version > 4;
select evident.seal();
select ok(
    (select count(*) > 3 and max(p.size) < 600000 from part as p),
    'a large change becomes several events of a bounded size'
);
select results_eq(
    'select p.part, p.parts from part as p order by p.version',
    'select n::integer, count(*) over ()::integer
    from generate_series(1, (select count(*) from part)) as n',
    'which tell that they belong together'
);
select is(
    (select count(*) from pg_temp.folded()), 600::bigint,
    'the events folded have each row'
);
select is(
    (
        select count(*)
        from pg_temp.folded() as f (guard)
        where f.guard ->> 'state' ~ '^sha256 [0-9a-f]{64}$'
    ),
    (
        select count(*)
        from evident.guard_status() as g
        where octet_length(to_jsonb(g)::text) > 16384
    ),
    'a row that is too long stands with the sha256 of its state'
);
select is(
    (select count(distinct a.fingerprint) from attested as a where a.version > 4),
    1::bigint,
    'all have the fingerprint of all rows'
);
select max(p.version) as newest from part as p \gset
select evident.seal();
select is(
    (select max(p.version) from part as p), :newest, 'the next seal adds nothing'
);
:guard_status;
select evident.seal();
select set_eq(
    'select pg_temp.folded()',
    'select to_jsonb(s) from evident.guard_status() as s',
    'and all of it can go again'
);

select * from finish();
rollback;
