begin;
select plan(14);
\ir helpers/refusal.psql
\ir helpers/documents.psql
\ir helpers/ledger.psql
:attest_guards;

-- What the log's own events say, the newest last.
create temporary view attested as
select
    e.version,
    e.payload -> 'added' as added,
    e.payload -> 'removed' as removed,
    e.payload ->> 'fingerprint' as fingerprint
from evident.event_store as e
inner join evident.log_identity as i on e.aggregate_id = i.log_id
where e.event_type = 'GuardChanged';

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
                jsonb_agg(to_jsonb(s) order by s.kind, s.name, s.state)::text, 'UTF8'
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

-- Others may append to the log's own aggregate.

select is(
    evident.append_event(
        (select i.log_id from evident.log_identity as i), 'GuardChanged', f.payload
    )::text || ', then ' || split_part(pg_temp.sealed(), ' ', 2),
    f.versions,
    f.description
)
from (
    values
    (
        '{"fingerprint": "0", "added": [{"kind": "forged"}], "removed": "x"}'::jsonb,
        '5, then 6',
        'a forged event is followed by one that corrects it'
    ),
    ('{"added": {"a": [null]}, "removed": 7}', '7, then 8', 'so is a shapeless one'),
    (
        jsonb_build_object(
            'removed',
            (select jsonb_agg(to_jsonb(s)) from evident.guard_status() as s)
        ),
        '9, then 10',
        'so is one that removes all'
    )
) as f (payload, versions, description);
select set_eq(
    'select pg_temp.folded()',
    'select to_jsonb(s) from evident.guard_status() as s',
    'and the events folded give guard_status again'
);

select * from finish();
rollback;
