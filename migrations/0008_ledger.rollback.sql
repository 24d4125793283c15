-- Takes back 0008: the ledger. Refused once anything is sealed.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    lock table evident.tree_head in access exclusive mode;
    if exists (select from evident.tree_head as h where h.tree_size > 0) then
        raise exception using
            errcode = 'PT403',
            message = 'rollback refused: events are sealed',
            detail = jsonb_build_object(
                'table', 'evident.tree_head',
                'operation', 'ROLLBACK'
            )::text,
            hint = 'what was published could not be checked any more; stop sealing '
                'instead';
    end if;
end;
$do$;

-- [begin generated rollback]
drop view evident.ledger_status;
drop function evident.record_publication(text);
drop function evident.begin_incarnation(text, text);
drop function evident.verify_ledger(bigint, bigint);
drop function evident._verify_heads(bigint, bigint);
drop function evident._verify_tiles(integer, bigint, bigint);
drop function evident._verify_leaves(bigint, bigint);
drop function evident._changed_leaves(bigint, bigint);
drop function evident.seal(integer);
drop function evident._attest_guards();
drop function evident._seal_tiles(bigint, bytea, bigint[]);
drop function evident._refuse_ledger(bigint, text);
drop function evident.read_tile(integer, bigint, integer);
drop function evident.consistency_proof(bigint, bigint);
drop function evident.inclusion_proof(uuid, bigint);
drop function evident._leaf_index(bigint, bigint);
drop function evident._audit_path(bigint, integer, bigint);
drop function evident.root_hash(bigint);
drop function evident._root_over(bigint, bytea);
drop function evident._check_tree_size(text, bigint, bigint);
drop function evident._tile_hashes(integer, bigint, integer);
drop function evident._tile_end(bigint);
drop function evident._log_origin();
drop function evident._log_identity();
drop function evident._tree_head();
drop function evident._tree_root(bytea);
drop function evident._pair_hashes(bytea);
drop function evident.leaf_hash(evident.event_store);
drop function evident.leaf_entry(evident.event_store);
drop trigger ledger_publication_history_rows on evident.ledger_publication;
drop trigger ledger_publication_history on evident.ledger_publication;
drop trigger log_identity_history_rows on evident.log_identity;
drop trigger log_identity_history on evident.log_identity;
drop trigger tree_head_history_rows on evident.tree_head;
drop trigger tree_head_history on evident.tree_head;
drop trigger ledger_tile_history_rows on evident.ledger_tile;
drop trigger ledger_tile_history on evident.ledger_tile;
revoke execute on function evident.guard_status() from evident_operator, evident_auditor, evident_monitor;
revoke execute on function evident.version() from evident_writer, evident_reader, evident_consumer, evident_operator,
evident_monitor, evident_auditor;

-- [begin sql/functions/_refuse_change.sql]
-- evident._refuse_change: the guard of append-only tables.
--
-- Raises for UPDATE, DELETE and TRUNCATE. The statement trigger refuses the
-- attempt itself, rows or none. The row trigger is for changes that arrive by
-- logical replication, whose worker fires no statement triggers. Both are
-- `enable always`: the default is silent under session_replication_role =
-- replica.
--
-- Errors: PT403, always

create or replace function evident._refuse_change()
returns trigger
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT403',
        message = format(
            '%s of %s.%s refused: history is immutable',
            tg_op, tg_table_schema, tg_table_name
        ),
        detail = jsonb_build_object(
            'table', tg_table_schema || '.' || tg_table_name,
            'operation', tg_op
        )::text,
        hint = 'append an event that corrects or compensates the earlier one';
end;
$function$;

comment on function evident._refuse_change() is
'Trigger: raises PT403 with the detail {"table", "operation"}.';

revoke all on function evident._refuse_change() from public;

create or replace trigger event_store_history
before update or delete or truncate on evident.event_store
for each statement execute function evident._refuse_change();

alter table evident.event_store enable always trigger event_store_history;

create or replace trigger event_store_history_rows
before update or delete on evident.event_store
for each row execute function evident._refuse_change();

alter table evident.event_store enable always trigger event_store_history_rows;
-- [end sql/functions/_refuse_change.sql]

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

    -- What create_projection made, named as there.
    keeper (function_name, read_model, projection_state) as (
        select
            format('%I.%I', i.part[1], s.kind || i.part[2]),
            p.name,
            p.state
        from evident.projection as p
        cross join lateral parse_ident(p.name) as i (part)
        cross join unnest(array['keep_event_', 'keep_batch_']) as s (kind)
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
            when k.read_model is null then 'not ours, runs after the change'
            when t.tgenabled = 'D' then 'disabled, would keep ' || k.read_model
            else 'keeps ' || k.read_model
        end as state,
        case
            when
                t.tgtype & 2 = 2
                or (k.projection_state = 'running') <> (t.tgenabled = 'O')
                then false
        end as is_intact
    from relation as r
    inner join pg_trigger as t on r.oid = t.tgrelid
    left join keeper as k on t.tgfoid::regproc::text = k.function_name
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
    select '0007_projections'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/version.sql]
-- [end generated rollback]

drop table evident.ledger_publication;
drop table evident.log_identity;
drop table evident.tree_head;
drop table evident.ledger_tile;
