-- Takes back 0007: the registry. Refused while a projection is registered, since
-- its triggers, and what else was made for it, would stay behind.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';
-- A policy that is forced on the owner too hides nothing: the question is refused.
set local row_security = off;

do $do$
begin
    -- It would not see what was committed while it waited for the lock.
    perform evident._refuse_one_snapshot();
    lock table evident.projection in access exclusive mode;
    if exists (select from evident.projection) then
        raise exception using
            errcode = 'PT403',
            message = 'rollback refused: projections are registered',
            detail = jsonb_build_object(
                'table', 'evident.projection',
                'operation', 'ROLLBACK'
            )::text,
            hint = 'drop_projection each of them first';
    end if;
end;
$do$;

-- [begin generated rollback]
drop view evident.projection_status;
drop function evident.projection_definition(text);
drop function evident.wait_for_projection(text, bigint, interval);
drop function evident.aggregate_at(uuid, timestamptz);
drop function evident.project(text, text, bigint, bigint, timestamptz);
drop function evident.verify_projection(text, text);
drop function evident.rebuild_projection(text, bigint, bigint);
drop function evident._finish_rebuild(evident.projection, evident.projection, integer, integer, text, text, bigint, bigint, boolean);
drop function evident._note_rebuild(evident.projection, integer, integer, text, bigint, bigint, timestamptz);
drop function evident._fold_round(evident.projection, text, bigint, bigint, bigint);
drop function evident._refuse_lock(text, text, oid[], text);
drop function evident.skip_failure(text, text, text, text);
drop function evident.retry_failure(text, text);
drop function evident._require_failure(evident.projection, text);
drop function evident.run_projection(text, bigint);
drop function evident._pause_unsafe();
drop function evident.resume_projection(text);
drop function evident.pause_projection(text, text, text, boolean);
drop function evident._pause(evident.projection, text);
drop function evident.drop_projection(text, text, text, boolean);
drop function evident.create_projection(regclass, regprocedure, text[], text, regprocedure, boolean);
drop function evident._record_force(evident.projection, text, text, text);
drop function evident._require_force(evident.projection, text, text, boolean);
drop function evident._append_own_event(text, jsonb);
drop function evident._hand_over_to_triggers(evident.projection);
drop function evident._fold_key(evident.projection, text, bigint);
drop function evident._fold_and_park(evident.projection, bigint, bigint);
drop function evident._park_event(evident.projection, bigint);
drop function evident._note_failure(evident.projection, text, bigint, text, text);
drop function evident._fold_slice(evident.projection, bigint, bigint, text);
drop function evident._switch_triggers(evident.projection, boolean);
drop function evident._drop_hold(evident.projection);
drop function evident._make_hold(evident.projection);
drop function evident._sql_hold_trigger(evident.projection);
drop function evident._sql_hold_by_keys(evident.projection);
drop function evident._sql_hold_by_aggregate(evident.projection);
drop function evident._refuse_parked(text, text[]);
drop function evident._make_keep_batch(evident.projection);
drop function evident._sql_keep_batch_trigger(evident.projection);
drop function evident._sql_kept_batch_function(evident.projection);
drop function evident._sql_fold_statement(evident.projection);
drop function evident._sql_queue_for_keys(evident.projection);
drop function evident._sql_keys_of_statement(evident.projection);
drop function evident._make_keep(evident.projection);
drop function evident._sql_keep_event_trigger(evident.projection);
drop function evident._sql_kept_event_function(evident.projection);
drop function evident._sql_pinned_function(evident.projection);
drop function evident._sql_fold_event(evident.projection);
drop function evident._sql_next_function(evident.projection);
drop function evident._sql_row_function(evident.projection);
drop function evident._make_fold(evident.projection, regprocedure, regprocedure);
drop function evident._sql_refold_aggregate(evident.projection, text);
drop function evident._sql_refolding_function(evident.projection, text);
drop function evident._sql_fold_aggregate(evident.projection, text);
drop function evident._sql_folding_function(evident.projection, text);
drop function evident._sql_events_view(evident.projection);
drop function evident._sql_keys_function(evident.projection, regprocedure);
drop function evident._sql_step_function(evident.projection, regprocedure);
drop function evident._is_batch();
drop function evident._check_projection(evident.projection, regclass, regprocedure, regprocedure);
drop function evident._sql_return();
drop function evident._sql_is_pinned();
drop function evident._sql_refuse_old_snapshot(evident.projection);
drop function evident._sql_end_of_fold_block(evident.projection);
drop function evident._sql_differs(evident.projection, text);
drop function evident._sql_write_rows(evident.projection, text);
drop function evident._projection_replaces(evident.projection);
drop function evident._sql_fold_by_key(evident.projection, text, text);
drop function evident._sql_on_conflict(evident.projection);
drop function evident._sql_stored_row(evident.projection, text);
drop function evident._canonical_key(evident.projection, text);
drop function evident._sql_keys_of(evident.projection, text);
drop function evident._refuse_key(text, text);
drop function evident._sql_is_folded(evident.projection, text);
drop function evident._sql_blank_row(evident.projection, text);
drop function evident._sql_columns(evident.projection, text, text);
drop function evident._name_of_trigger(evident.projection, text);
drop function evident._require_projector(evident.projection);
drop function evident._key_problem(oid, text);
drop function evident._projection_intruder(oid[], oid[]);
drop function evident._routine_attributes(oid);
drop function evident._read_model(evident.projection);
drop function evident._projection_bound(evident.projection, text);
drop function evident._projection_made(text);
drop function evident._name_of_object(evident.projection, text);
drop function evident._require_event_error(evident.projection, text, text);
drop function evident._refuse_fold(text, text, text, text);
drop function evident._run_ddl(text, boolean);
drop function evident._is_fold_error(text);
drop function evident._share_projection(text);
drop function evident._make_functions(text);
drop function evident._lock_making(boolean);
drop function evident._ask_projector(text);
drop function evident._as_projector(text);
drop function evident._close_made();
drop function evident._sql_set_clauses(jsonb);
drop function evident._fill(text, jsonb);
drop function evident._fold_settings();
drop function evident._refuse_settings();
drop function evident._lock_keys(integer, text[]);
drop function evident._lock_projection(text);
drop function evident._lock_registration(text, boolean);
drop function evident._lock_number(text, bigint, boolean);
drop function evident._notify_held(text, bigint);
drop function evident._require_projection(text);

-- [begin sql/functions/append/_insert_stream.sql]
-- evident._insert_stream: insert a slice of an events document behind p_base.
--
-- Element i of the document gets version p_base + i; elements p_first to p_last
-- go in. An event whose version or event_id is taken is left out, and the
-- caller sees from the count that this happened. The first element claims its
-- version; behind it nothing but a given event_id can collide, and without one
-- the rest goes in unwatched, which is a sixth quicker.

create or replace function evident._insert_stream(
    p_aggregate_id uuid,
    p_base integer,
    p_events jsonb,
    p_first integer,
    p_last integer
)
returns integer
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_count integer;
begin
    if p_first > 1 and not jsonb_path_exists(p_events, '$[*].event_id') then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id,
            p_base + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(v.value -> 'metadata', '{}')
        from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
        where v.ordinality between p_first and p_last
        order by v.ordinality;
    else
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            p_aggregate_id,
            p_base + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(v.value -> 'metadata', '{}'),
            coalesce((v.value ->> 'event_id')::uuid, evident._uuid_v7())
        from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
        where v.ordinality between p_first and p_last
        order by v.ordinality
        on conflict do nothing;
    end if;

    get diagnostics v_count = row_count;
    return v_count;
end;
$function$;

comment on function
evident._insert_stream(uuid, integer, jsonb, integer, integer) is
'Inserts elements p_first to p_last of an events document, element i as version
p_base + i; gives how many went in.';

revoke all on function
evident._insert_stream(uuid, integer, jsonb, integer, integer) from public;
-- [end sql/functions/append/_insert_stream.sql]

-- [begin sql/functions/append/_append_at_versions.sql]
-- evident._append_at_versions: append entries that all name an exact version, with
-- one statement.
--
-- An event stays out when the version it follows does not exist, or when its
-- version or its event_id is taken. Rows go in by aggregate and version, so
-- that two calls that wait for each other's keys meet them in one order and
-- cannot deadlock. Entries that did not go in whole are explained afterwards:
-- a repeated append has its first version, anything else has none.
--
-- An entry whose base was not there is told the version of that same snapshot: its
-- base may have come while the insert waited for somebody else.
--
-- The base is compared with a subselect, not by exists, since that one cannot
-- become a join or a hash over the whole table, whatever the plan was made for.
--
-- The caller has checked the document, and announced the append.
-- Errors: PT422

create or replace function evident._append_at_versions(p_appends jsonb)
returns table (
    ordinality bigint,
    aggregate_id uuid,
    expected bigint,
    version bigint,
    actual integer
)
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_ids bigint[];
    v_missed jsonb;
begin
    with entry as materialized (
        select
            n.aggregate_id,
            n.expected,
            n.events,
            n.expected = 0 or n.expected = (
                select e.version
                from evident.event_store as e
                where
                    e.aggregate_id = n.aggregate_id
                    and e.version = n.expected
            ) as has_base
        from evident._append_entries(p_appends) as n
    ),

    inserted as (
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            n.aggregate_id,
            n.expected + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(v.value -> 'metadata', '{}'),
            coalesce((v.value ->> 'event_id')::uuid, evident._uuid_v7())
        from entry as n
        cross join lateral
            jsonb_array_elements(n.events) with ordinality as v (value, ordinality)
        where n.has_base
        order by n.aggregate_id, v.ordinality
        on conflict do nothing
        returning e.id
    )

    select
        (select array_agg(i.id) from inserted as i),
        (
            select
                jsonb_object_agg(
                    n.aggregate_id,
                    (
                        select coalesce(max(e.version), 0)
                        from evident.event_store as e
                        where e.aggregate_id = n.aggregate_id
                    )
                )
            from entry as n
            where n.has_base is not true
        )
    into v_ids, v_missed;

    return query
    with own as (
        select
            e.aggregate_id,
            count(*) as event_count,
            min(e.version) as first_version
        from evident.event_store as e
        where e.id = any (v_ids)
        group by e.aggregate_id
    )

    select
        n.ordinality,
        n.aggregate_id,
        n.expected,
        case
            when o.event_count = n.event_count then n.expected + o.event_count
            else evident._replayed_version(
                n.aggregate_id, n.events, coalesce(v_ids, '{}')
            )
        end,
        coalesce(
            o.first_version - 1,
            (v_missed ->> n.aggregate_id::text)::integer,
            (
                select coalesce(max(e.version), 0)
                from evident.event_store as e
                where e.aggregate_id = n.aggregate_id
            )
        )
    from evident._append_entries(p_appends) as n
    left join own as o on n.aggregate_id = o.aggregate_id;
end;
$function$;

comment on function evident._append_at_versions(jsonb) is
'Appends entries that name exact versions. One row for each: version of the last
event, also of an earlier run of the same append; null when actual, the
aggregate''s version before, is not as expected.';

revoke all on function evident._append_at_versions(jsonb) from public;
-- [end sql/functions/append/_append_at_versions.sql]

-- [begin sql/functions/core/version.sql]
-- evident.version: the newest engine migration whose objects are in place.
--
-- Migration tools keep their own marks, and a crash between a migration's
-- commit and its mark leaves the two apart. This function is replaced inside
-- each migration's transaction, so it tells what the schema really is.

create or replace function evident.version()
returns text
language sql
immutable
parallel safe
begin atomic
    select '0006_consumers'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]
-- [end generated rollback]

drop table evident.projection_rebuild;
drop table evident.projection_skip;
drop table evident.projection_failure;
drop table evident.projection;

do $do$
begin
    perform evident._record_baseline();
end;
$do$;
