-- Takes back 0007: the registry. Refused while a projection is registered, since
-- its triggers, and what else was made for it, would stay behind.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
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
drop function evident.project(text, text, text);
drop function evident.project(text, text, integer, bigint, timestamptz);
drop function evident.verify_projection(text, text);
drop function evident.rebuild_projection(text, integer, integer);
drop function evident._note_rebuild(evident.projection, integer, integer, text, bigint, bigint, timestamptz);
drop function evident._fold_round(evident.projection, text, bigint, bigint, bigint);
drop function evident._lock_read_model(evident.projection, boolean);
drop function evident.skip_failure(text, text, text, text);
drop function evident.retry_failure(text, text);
drop function evident._projection_failure(evident.projection, text);
drop function evident.run_projection(text, integer);
drop function evident.resume_projection(text);
drop function evident.pause_projection(text);
drop function evident.drop_projection(text);
drop function evident.create_projection(regclass, regprocedure, text[], text, regprocedure);
drop function evident._go_live(evident.projection);
drop function evident._fold_key(evident.projection, text, bigint);
drop function evident._fold_around(evident.projection, bigint, bigint);
drop function evident._park_event(evident.projection, bigint);
drop function evident._note_failure(evident.projection, text, bigint, text, text);
drop function evident._fold_slice(evident.projection, bigint, bigint, text);
drop function evident._switch_triggers(evident.projection, boolean);
drop function evident._make_keep_batch(evident.projection);
drop function evident._make_keep(evident.projection);
drop function evident._make_fold(evident.projection);
drop function evident._check_projection(evident.projection);
drop function evident._projection_snapshot(evident.projection);
drop function evident._projection_refusal(evident.projection);
drop function evident._projection_differs(evident.projection, text);
drop function evident._projection_write(evident.projection, text);
drop function evident._projection_next(evident.projection, text, text);
drop function evident._projection_upsert(evident.projection);
drop function evident._projection_stored(evident.projection, text);
drop function evident._projection_keys(evident.projection, text);
drop function evident._projection_types(evident.projection, text);
drop function evident._projection_blank(evident.projection, text);
drop function evident._projection_columns(evident.projection, text, text);
drop function evident._projection_trigger(evident.projection, text);
drop function evident._projection_object(evident.projection, text);
drop function evident._require_event_error(evident.projection, text, text);
drop function evident._refuse_fold(text, text, text, text);
drop function evident._is_fold_error(text);
drop function evident._lock_keys(integer, text[]);
drop function evident._lock_projection(text);
drop function evident._lock_registration(text, boolean);
drop function evident._lock_number(text, bigint, boolean);
drop function evident._refuse_one_snapshot();
drop function evident._projection(text);

-- [begin sql/functions/_insert_stream.sql]
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
-- [end sql/functions/_insert_stream.sql]

-- [begin sql/functions/_append_together.sql]
-- evident._append_together: append entries that all name an exact version, with
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

create or replace function evident._append_together(p_appends jsonb)
returns table (
    ordinality bigint,
    aggregate_id uuid,
    expected integer,
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

comment on function evident._append_together(jsonb) is
'Appends entries that name exact versions. One row for each: version of the last
event, also of an earlier run of the same append; null when actual, the
aggregate''s version before, is not as expected.';

revoke all on function evident._append_together(jsonb) from public;
-- [end sql/functions/_append_together.sql]

-- [begin sql/functions/guard_status.sql]
-- evident.guard_status: what protects history, read from the catalog now.
--
-- One row for each trigger, key, rule, child table, owner, privilege, function and
-- role that matters. is_intact is false where something differs from what the package
-- installs, and null where there is nothing to compare with: the fingerprint
-- of a function is for whoever keeps the last one. An owner or superuser can change
-- what this function tells; the ledger is for that.

create or replace function evident.guard_status()
returns table (kind text, name text, state text, is_intact boolean)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
    -- The kinds are pg_trigger.tgtype: before update, delete and truncate for
    -- each statement; before update and delete for each row.
    with guarded (table_name, trigger_name, trigger_kind) as (
        values
        ('event_store', 'event_store_history', 58),
        ('event_store', 'event_store_history_rows', 27)
    ),

    keyed (table_name, constraint_name) as (
        values
        ('event_store', 'event_store_id_pkey'),
        ('event_store', 'event_store_aggregate_id_version_key'),
        ('event_store', 'event_store_event_id_key')
    ),

    relation as (
        select
            c.oid,
            c.relname::text as relname,
            c.relkind,
            c.relacl,
            c.relowner,
            c.relrowsecurity
        from pg_class as c
        where c.relnamespace = 'evident'::regnamespace and c.relkind in ('r', 'v', 'S')
    ),

    routine as (
        select
            p.oid,
            p.oid::regprocedure::text as signature,
            p.prosecdef,
            p.proconfig,
            p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner)) as acl
        from pg_proc as p
        where p.pronamespace = 'evident'::regnamespace and p.prokind in ('f', 'p')
    )

    select
        'trigger' as kind,
        g.table_name || '.' || g.trigger_name as name,
        case t.tgenabled
            when 'A' then 'enabled always'
            when 'O' then 'enabled, but not for replicas'
            when 'R' then 'enabled for replicas only'
            when 'D' then 'disabled'
            else 'missing'
        end as state,
        coalesce(
            t.tgenabled = 'A'
            and t.tgtype = g.trigger_kind
            and t.tgqual is null
            and t.tgattr::text = ''
            and t.tgfoid = 'evident._refuse_change()'::regprocedure,
            false
        ) as is_intact
    from guarded as g
    left join relation as r on g.table_name = r.relname
    left join pg_trigger as t on r.oid = t.tgrelid and g.trigger_name = t.tgname

    union all

    select
        'trigger' as kind,
        r.relname || '.' || t.tgname as name,
        case
            when t.tgtype & 2 = 2 then 'not ours, and runs before the change'
            else 'not ours, runs after the change'
        end as state,
        case when t.tgtype & 2 = 2 then false end as is_intact
    from relation as r
    inner join pg_trigger as t on r.oid = t.tgrelid
    where
        not t.tgisinternal
        and not exists (
            select
            from guarded as g
            where g.table_name = r.relname and g.trigger_name = t.tgname
        )

    union all

    select
        'constraint' as kind,
        k.table_name || '.' || k.constraint_name as name,
        coalesce(pg_get_constraintdef(c.oid), 'missing') as state,
        c.oid is not null and c.convalidated as is_intact
    from keyed as k
    left join relation as r on k.table_name = r.relname
    left join pg_constraint as c
        on
            r.oid = c.conrelid
            and k.constraint_name = c.conname
            and c.contype in ('p', 'u')

    union all

    select
        'row security' as kind,
        r.relname as name,
        'enabled' as state,
        false as is_intact
    from guarded as g
    inner join relation as r on g.table_name = r.relname
    where r.relrowsecurity
    group by r.relname

    union all

    select
        'rule' as kind,
        r.relname || '.' || w.rulename as name,
        'a rule rewrites statements on this table' as state,
        false as is_intact
    from guarded as g
    inner join relation as r on g.table_name = r.relname
    inner join pg_rewrite as w on r.oid = w.ev_class
    group by r.relname, w.rulename

    union all

    select
        'child' as kind,
        i.inhrelid::regclass::text as name,
        'inherits from ' || i.inhparent::regclass::text as state,
        false as is_intact
    from pg_inherits as i
    inner join relation as r on i.inhparent = r.oid

    union all

    select
        'owner' as kind,
        'schema ' || n.nspname as name,
        pg_get_userbyid(n.nspowner)::text as state,
        pg_get_userbyid(n.nspowner) = 'evident_owner' as is_intact
    from pg_namespace as n
    where n.nspname = 'evident'

    union all

    select
        'owner' as kind,
        r.relname as name,
        pg_get_userbyid(r.relowner)::text as state,
        pg_get_userbyid(r.relowner) = 'evident_owner' as is_intact
    from relation as r

    union all

    select
        'owner' as kind,
        f.signature as name,
        pg_get_userbyid(f.proowner)::text as state,
        pg_get_userbyid(f.proowner) = 'evident_owner' as is_intact
    from routine as f

    union all

    select
        'grant' as kind,
        r.relname as name,
        coalesce(nullif(a.grantee, 0)::regrole::text, 'public')
        || ' may ' || a.privilege_type as state,
        a.privilege_type = 'SELECT' and a.grantee <> 0 as is_intact
    from relation as r
    cross join lateral aclexplode(r.relacl) as a
    where a.grantee <> r.relowner

    union all

    select
        'grant' as kind,
        r.relname || '.' || c.attname as name,
        coalesce(nullif(a.grantee, 0)::regrole::text, 'public')
        || ' may ' || a.privilege_type as state,
        a.privilege_type = 'SELECT' and a.grantee <> 0 as is_intact
    from relation as r
    inner join pg_attribute as c on r.oid = c.attrelid
    cross join lateral aclexplode(c.attacl) as a
    where a.grantee <> r.relowner

    union all

    select
        'grant' as kind,
        f.signature as name,
        coalesce(nullif(a.grantee, 0)::regrole::text, 'public')
        || ' may ' || a.privilege_type as state,
        a.grantee <> 0 as is_intact
    from routine as f
    cross join lateral aclexplode(f.acl) as a
    where a.grantee <> f.proowner

    union all

    select
        'function' as kind,
        f.signature as name,
        'sha256 '
        || encode(sha256(convert_to(pg_get_functiondef(f.oid), 'UTF8')), 'hex')
            as state,
        case
            when f.prosecdef then coalesce(
                f.proconfig @> array['search_path=pg_catalog, pg_temp'], false
            )
        end as is_intact
    from routine as f

    union all

    select
        'role' as kind,
        'evident_owner' as name,
        case
            when o.rolsuper then 'is a superuser'
            when o.rolcanlogin then 'may log in'
            else 'no login'
        end as state,
        not o.rolcanlogin and not o.rolsuper as is_intact
    from pg_roles as o
    where o.rolname = 'evident_owner'

    union all

    select
        'role' as kind,
        'evident_owner' as name,
        m.member::regrole::text || ' is a member' as state,
        null as is_intact
    from pg_auth_members as m
    inner join pg_roles as o on m.roleid = o.oid
    where o.rolname = 'evident_owner'

    order by kind, name, state;
end;

comment on function evident.guard_status() is
'What protects history, one row each: kind (trigger, constraint, row security,
rule, child, owner, grant, function, role), name, state, and is_intact: false
where it differs from what the package installs, null where there is nothing to
compare with.';

revoke all on function evident.guard_status() from public;
grant execute on function evident.guard_status() to
evident_operator, evident_auditor;
-- [end sql/functions/guard_status.sql]

-- [begin sql/functions/version.sql]
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
-- [end sql/functions/version.sql]
-- [end generated rollback]

drop table evident.projection_rebuild;
drop table evident.projection_skip;
drop table evident.projection_failure;
drop table evident.projection;
