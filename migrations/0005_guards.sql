-- depends: 0004_read
-- Guards: history cannot be rewritten, and whether that still holds can be asked.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store while its triggers are made:
-- readers go on, appends wait. Rollback loses no events, only their protection.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

create table evident.baseline (
    number bigint not null
    constraint baseline_number_pkey primary key,
    projection text not null default '',
    kind text not null,
    name text not null,
    state text,
    server integer not null,
    recorded_at timestamptz not null default evident._now(),
    recorded_by text not null default session_user,
    constraint baseline_number_check check (number > 0)
)
-- Rows never change: freeze them at the first vacuum.
with (autovacuum_freeze_min_age = 0);

comment on table evident.baseline is
'The catalog as migrations and create_projection made it, which guard_status compares
with the present one: of each projection, kind and name the newest row counts.
Append-only, guarded like the events.';
comment on column evident.baseline.number is
'1, 2, 3, ... without gaps.';
comment on column evident.baseline.projection is
'The projection that it belongs to; empty for the package.';
comment on column evident.baseline.state is
'What it has to be; null: nothing of this kind and name.';
comment on column evident.baseline.server is
'The major version of PostgreSQL, which writes definitions its own way.';

grant select on table evident.baseline to evident_operator, evident_auditor;

-- [begin sql/functions/core/_short.sql]
-- evident._short: a text as it is, or its hash where it is longer than 200 bytes.

create or replace function evident._short(p_text text)
returns text
language sql
immutable
parallel safe
begin atomic
    select case
        when octet_length(p_text) <= 200 then p_text
        else 'sha256 ' || encode(sha256(convert_to(p_text, 'UTF8')), 'hex')
    end;
end;

comment on function evident._short(text) is
'The text, or "sha256 " and its hash where it is longer than 200 bytes.';

revoke all on function evident._short(text) from public;
-- [end sql/functions/core/_short.sql]

-- [begin sql/functions/guards/_refuse_change.sql]
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

create or replace trigger baseline_history
before update or delete or truncate on evident.baseline
for each statement execute function evident._refuse_change();

alter table evident.baseline enable always trigger baseline_history;

create or replace trigger baseline_history_rows
before update or delete on evident.baseline
for each row execute function evident._refuse_change();

alter table evident.baseline enable always trigger baseline_history_rows;
-- [end sql/functions/guards/_refuse_change.sql]

-- [begin sql/functions/guards/_catalog_relations.sql]
-- evident._catalog_relations: what the catalog says of some relations, row by row.
--
-- Owner, persistence, options, columns, keys, checks, indexes, triggers, rules,
-- policies and children. Comments,
-- statistics, tablespaces, publications, storage settings of read models and not-null
-- constraints (which only PostgreSQL 18 lists; the columns tell) are left aside.
--
-- is_free: may come and go, as ordinary administration does. object is the relation, an
-- r and its oid; a trigger's function, an f and its oid, where a foreign function hangs
-- on a table of ours.

create or replace function evident._catalog_relations(p_relations oid[])
returns table (object text, kind text, name text, state text, is_free boolean)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    with relation as (
        select
            'r' || c.oid as object,
            c.oid,
            c.relnamespace = 'evident'::regnamespace as is_ours,
            case
                when c.relnamespace = 'evident'::regnamespace then c.relname::text
                else c.oid::regclass::text
            end as relname,
            c.relkind,
            c.relowner,
            c.relpersistence,
            c.relam,
            c.reltoastrelid,
            c.reloptions,
            c.relrowsecurity,
            c.relforcerowsecurity,
            c.relreplident,
            c.relispopulated,
            c.relpartbound
        from unnest(p_relations) as u (oid)
        inner join pg_class as c on u.oid = c.oid
    )

    select
        r.object,
        case r.relkind
            when 'r' then 'table'
            when 'p' then 'table'
            when 'v' then 'view'
            when 'S' then 'sequence'
            else 'relation'
        end,
        r.relname,
        concat_ws(
            ', ',
            'owner ' || pg_get_userbyid(r.relowner),
            case r.relkind
                when 'm' then 'materialized view'
                when 'f' then 'foreign table'
                when 'c' then 'type'
                when 'p' then 'partition by ' || pg_get_partkeydef(r.oid)
            end,
            case r.relpersistence
                when 'u' then 'unlogged' when 't' then 'temporary'
            end,
            (
                select 'access method ' || a.amname
                from pg_am as a
                where a.oid = r.relam and a.amname <> 'heap' and r.relkind <> 'i'
            ),
            (
                select string_agg(o.name, ' ' order by o.name collate "C")
                from (
                    select u.option as name
                    from unnest(r.reloptions) as u (option)
                    union all
                    select 'toast.' || u.option
                    from pg_class as t
                    cross join unnest(t.reloptions) as u (option)
                    where t.oid = r.reltoastrelid
                ) as o
                where r.is_ours or r.relkind not in ('r', 'p')
            ),
            case when r.relrowsecurity then 'row security enabled' end,
            case when r.relforcerowsecurity then 'row security forced' end,
            case
                when r.relkind in ('r', 'p') and r.relreplident <> 'd'
                    then 'replica identity ' || r.relreplident::text
            end,
            pg_get_expr(r.relpartbound, r.oid),
            (
                select format(
                    '%s start %s increment %s min %s max %s cache %s%s',
                    format_type(s.seqtypid, null), s.seqstart, s.seqincrement,
                    s.seqmin, s.seqmax, s.seqcache,
                    case when s.seqcycle then ' cycle' end
                )
                from pg_sequence as s
                where s.seqrelid = r.oid
            ),
            case
                when r.relkind in ('v', 'm') then 'sha256 ' || encode(
                    sha256(convert_to(pg_get_viewdef(r.oid), 'UTF8')), 'hex'
                )
            end
        ),
        false
    from relation as r

    union all

    select
        r.object,
        'column',
        r.relname || '.' || a.attname,
        concat_ws(
            ' ',
            format_type(a.atttypid, a.atttypmod),
            case
                when a.attcollation <> t.typcollation
                    then 'collate ' || a.attcollation::regcollation::text
            end,
            case when a.attnotnull then 'not null' end,
            case
                when a.attstorage <> t.typstorage
                    then 'storage ' || a.attstorage::text
            end,
            case a.attidentity
                when 'a' then 'identity, always'
                when 'd' then 'identity, by default'
            end,
            case a.attgenerated
                when '' then 'default ' || x.expression
                else 'generated (' || a.attgenerated::text || ') ' || x.expression
            end
        ),
        false
    from relation as r
    inner join pg_attribute as a
        on r.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
    inner join pg_type as t on a.atttypid = t.oid
    left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
    cross join lateral (
        select pg_get_expr(d.adbin, d.adrelid) as expression
    ) as x
    where r.relkind in ('r', 'p', 'f', 'c')

    union all

    select
        r.object,
        case when c.conrelid = r.oid then 'constraint' else 'reference' end,
        case
            when c.conrelid = r.oid then r.relname
            else c.conrelid::regclass::text
        end || '.' || c.conname,
        pg_get_constraintdef(c.oid),
        false
    from relation as r
    inner join pg_constraint as c on r.oid in (c.conrelid, c.confrelid)
    where
        c.contype in ('p', 'u', 'c', 'f', 'x')
        and (c.conrelid = r.oid or c.conrelid <> all (p_relations))

    union all

    -- What REINDEX CONCURRENTLY leaves behind when it is broken off is nothing to worry
    -- about, nor is one more index of a read model that calls and refuses nothing.
    select
        r.object,
        'index',
        r.relname || '.' || n.relname,
        concat_ws(
            ', ',
            case when not i.indisvalid then 'not valid' end,
            case when not i.indisready or not i.indislive then 'not ready' end,
            case when n.relpersistence <> r.relpersistence then 'other persistence' end,
            pg_get_indexdef(i.indexrelid)
        ),
        (not i.indisvalid and n.relname ~ '_cc(new|old)[0-9]*$')
        or (
            not r.is_ours
            and not i.indisunique
            and not i.indisexclusion
            and i.indexprs is null
            and i.indpred is null
            and not exists (
                select
                from unnest(i.indclass::oid[]) as u (oid)
                inner join pg_opclass as o on u.oid = o.oid
                where o.opcnamespace <> 'pg_catalog'::regnamespace
            )
        )
    from relation as r
    inner join pg_index as i on r.oid = i.indrelid
    inner join pg_class as n on i.indexrelid = n.oid

    union all

    -- Those of foreign keys have names of their own on each server.
    select
        case
            -- Made for a projection, and named with its dot.
            when r.is_ours and not t.tgisinternal
                and (f.pronamespace <> 'evident'::regnamespace or f.proname ~ '[.]')
                then 'f' || t.tgfoid
            else r.object
        end,
        'trigger',
        r.relname || '.' || case
            when t.tgisinternal
                then coalesce(c.conname, '?') || ' ' || f.proname
            else t.tgname
        end,
        case t.tgenabled
            when 'A' then 'enabled always'
            when 'O' then 'enabled'
            when 'R' then 'enabled for replicas only'
            when 'D' then 'disabled'
        end || case
            when t.tgisinternal then ''
            else ': ' || pg_get_triggerdef(t.oid)
        end,
        false
    from relation as r
    inner join pg_trigger as t on r.oid = t.tgrelid
    inner join pg_proc as f on t.tgfoid = f.oid
    left join pg_constraint as c on t.tgconstraint = c.oid

    union all

    select
        r.object,
        'rule',
        r.relname || '.' || w.rulename,
        'rewrites statements (' || w.ev_enabled::text || '): '
        || pg_get_ruledef(w.oid),
        false
    from relation as r
    inner join pg_rewrite as w on r.oid = w.ev_class
    where w.rulename <> '_RETURN'

    union all

    select
        r.object,
        'policy',
        r.relname || '.' || p.polname,
        concat_ws(
            ' ',
            case when p.polpermissive then 'permissive' else 'restrictive' end,
            p.polcmd::text,
            (
                select string_agg(
                    case u.oid when 0 then 'public' else pg_get_userbyid(u.oid) end,
                    ' '
                )
                from unnest(p.polroles) as u (oid)
            ),
            'using ' || pg_get_expr(p.polqual, r.oid),
            'with check ' || pg_get_expr(p.polwithcheck, r.oid)
        ),
        false
    from relation as r
    inner join pg_policy as p on r.oid = p.polrelid

    union all

    select
        r.object,
        'child',
        i.inhrelid::regclass::text,
        'inherits from ' || i.inhparent::regclass::text
        || case when i.inhdetachpending then ', being detached' else '' end,
        false
    from relation as r
    inner join pg_inherits as i
        on
            r.oid = i.inhparent
            or (r.oid = i.inhrelid and i.inhparent <> all (p_relations));
end;
$function$;

comment on function evident._catalog_relations(oid[]) is
'Describes relations with all that hangs on them: object, kind, name, state, and is_free
for what may come and go.';

revoke all on function evident._catalog_relations(oid[]) from public;
-- [end sql/functions/guards/_catalog_relations.sql]
-- [begin sql/functions/guards/_catalog_routines.sql]
-- evident._catalog_routines: what the catalog says of some functions, row by row.
--
-- The hash is over the whole definition: arguments, body, volatility, settings.

create or replace function evident._catalog_routines(p_routines oid[])
returns table (object text, kind text, name text, state text, is_free boolean)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    select
        'f' || p.oid,
        case p.prokind
            when 'a' then 'aggregate' when 'p' then 'procedure' else 'function'
        end,
        p.oid::regprocedure::text,
        concat_ws(
            ', ',
            'owner ' || pg_get_userbyid(p.proowner),
            case when p.prosecdef then 'security definer' end,
            'sha256 ' || encode(
                sha256(
                    convert_to(
                        case p.prokind
                            when 'a' then (
                                select jsonb_build_array(
                                    a.aggkind, a.aggtransfn::regprocedure,
                                    a.aggfinalfn::regprocedure,
                                    a.aggcombinefn::regprocedure,
                                    a.aggserialfn::regprocedure,
                                    a.aggdeserialfn::regprocedure,
                                    a.aggmtransfn::regprocedure,
                                    a.aggminvtransfn::regprocedure,
                                    a.aggmfinalfn::regprocedure,
                                    a.aggfinalextra, a.aggmfinalextra,
                                    a.aggfinalmodify, a.aggmfinalmodify,
                                    a.aggsortop::regoperator,
                                    format_type(a.aggtranstype, null),
                                    format_type(a.aggmtranstype, null),
                                    a.aggtransspace, a.aggmtransspace,
                                    a.agginitval, a.aggminitval,
                                    p.proparallel, p.provolatile, p.proconfig
                                )::text
                                from pg_aggregate as a
                                where a.aggfnoid = p.oid
                            )
                            else pg_get_functiondef(p.oid)
                        end,
                        'UTF8'
                    )
                ),
                'hex'
            )
        ),
        false
    from unnest(p_routines) as u (oid)
    inner join pg_proc as p on u.oid = p.oid;
end;
$function$;

comment on function evident._catalog_routines(oid[]) is
'Describes functions, procedures and aggregates: object, kind, name, state, is_free.';

revoke all on function evident._catalog_routines(oid[]) from public;
-- [end sql/functions/guards/_catalog_routines.sql]
-- [begin sql/functions/guards/_catalog_grants.sql]
-- evident._catalog_grants: who but the owner may do what with some objects.
--
-- One row for each object and column with such grants; an asterisk is a grant option.
-- Elsewhere than in schema evident only rights that could change rows count: reading a
-- read model, calling its fold and using its schema are for applications.

create or replace function evident._catalog_grants(
    p_relations oid[],
    p_routines oid[],
    p_schemas oid[]
)
returns table (object text, kind text, name text, state text, is_free boolean)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    with listed as (
        select
            'r' || c.oid as object,
            c.relnamespace = 'evident'::regnamespace as is_ours,
            case
                when c.relnamespace = 'evident'::regnamespace then c.relname::text
                else c.oid::regclass::text
            end as name,
            c.relowner as owner,
            k.own as own,
            coalesce(c.relacl, k.own) as acl
        from unnest(p_relations) as u (oid)
        inner join pg_class as c on u.oid = c.oid
        cross join lateral (
            select acldefault(
                case when c.relkind = 'S' then 's' else 'r' end::"char", c.relowner
            ) as own
        ) as k
        where c.relkind <> 'c'

        union all

        select
            'r' || c.oid,
            c.relnamespace = 'evident'::regnamespace,
            case
                when c.relnamespace = 'evident'::regnamespace then c.relname::text
                else c.oid::regclass::text
            end || '.' || a.attname,
            c.relowner,
            acldefault('c', c.relowner),
            a.attacl
        from unnest(p_relations) as u (oid)
        inner join pg_class as c on u.oid = c.oid
        inner join pg_attribute as a
            on c.oid = a.attrelid and a.attacl is not null and not a.attisdropped

        union all

        select
            'f' || p.oid,
            p.pronamespace = 'evident'::regnamespace or p.prosecdef,
            p.oid::regprocedure::text,
            p.proowner,
            k.own,
            coalesce(p.proacl, k.own)
        from unnest(p_routines) as u (oid)
        inner join pg_proc as p on u.oid = p.oid
        cross join lateral (select acldefault('f', p.proowner) as own) as k
        where p.pronamespace = 'evident'::regnamespace or p.prosecdef

        union all

        select
            'n' || n.oid,
            n.nspname = 'evident',
            'schema ' || n.nspname,
            n.nspowner,
            k.own,
            coalesce(n.nspacl, k.own)
        from unnest(p_schemas) as u (oid)
        inner join pg_namespace as n on u.oid = n.oid
        cross join lateral (select acldefault('n', n.nspowner) as own) as k
    ),

    granted as (
        select
            l.object,
            l.name,
            case g.grantee when 0 then 'public' else pg_get_userbyid(g.grantee) end
            || ' ' || string_agg(
                g.privilege_type
                || case when g.is_grantable then '*' else '' end
                || case
                    when g.grantor = l.owner then ''
                    else ' from ' || pg_get_userbyid(g.grantor)
                end,
                ' '
                order by g.privilege_type collate "C", pg_get_userbyid(g.grantor)
            ) as rights
        from listed as l
        cross join lateral aclexplode(l.acl) as g
        where
            g.grantee <> l.owner
            and (l.is_ours or g.privilege_type not in ('SELECT', 'USAGE'))
        group by l.object, l.name, g.grantee

        union all

        -- Null without an own default, as for columns.
        select
            l.object,
            l.name,
            'its owner may not ' || string_agg(
                d.privilege_type, ' ' order by d.privilege_type collate "C"
            )
        from listed as l
        cross join lateral aclexplode(l.own) as d
        where
            d.grantee = l.owner
            and not exists (
                select
                from aclexplode(l.acl) as g
                where g.grantee = l.owner and g.privilege_type = d.privilege_type
            )
        group by l.object, l.name
    )

    select
        g.object,
        'grant',
        g.name,
        string_agg(g.rights, ', ' order by g.rights collate "C"),
        false
    from granted as g
    group by g.object, g.name;
end;
$function$;

comment on function evident._catalog_grants(oid[], oid[], oid[]) is
'Describes who but the owner may do what with relations, routines and schemas: object,
kind, name, state, is_free.';

revoke all on function evident._catalog_grants(oid[], oid[], oid[]) from public;
-- [end sql/functions/guards/_catalog_grants.sql]
-- [begin sql/functions/guards/_catalog_others.sql]
-- evident._catalog_others: whatever else lives in schema evident, row by row.
--
-- Types with their owners, and objects of any kind that the package has none of, so
-- that one of them shows: operators, casts, collations, statistics, text search.

create or replace function evident._catalog_others()
returns table (kind text, name text, state text, is_free boolean)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_schema constant oid := 'evident'::regnamespace::oid;
begin
    return query
    select
        'type',
        t.oid::regtype::text,
        concat_ws(
            ', ',
            'owner ' || pg_get_userbyid(t.typowner),
            case t.typtype
                when 'e' then 'enum' when 'd' then 'domain' when 'r' then 'range'
                when 'm' then 'multirange' else 'base'
            end,
            evident._short(
                (
                    select string_agg(e.enumlabel, ' ' order by e.enumsortorder)
                    from pg_enum as e
                    where e.enumtypid = t.oid
                )
            ),
            nullif(format_type(t.typbasetype, t.typtypmod), '-'),
            case when t.typnotnull then 'not null' end,
            evident._short(t.typdefault),
            (
                select string_agg(
                    evident._short(pg_get_constraintdef(c.oid)), ' '
                    order by c.conname collate "C"
                )
                from pg_constraint as c
                where c.contypid = t.oid and c.contype = 'c'
            ),
            (
                select string_agg(
                    case g.grantee
                        when 0 then 'public' else pg_get_userbyid(g.grantee)
                    end || ' ' || g.privilege_type,
                    ' '
                    order by pg_get_userbyid(g.grantee), g.privilege_type collate "C"
                )
                from aclexplode(t.typacl) as g
            )
        ),
        false
    from pg_type as t
    where
        t.typnamespace = v_schema
        and t.typtype <> 'c'
        and not exists (
            select
            from pg_type as e
            where e.typarray = t.oid
        )

    union all

    -- Row types only where somebody has let others name them, see _close_types. PUBLIC
    -- may where no right is stored, which is how a restore makes them.
    select
        'type',
        t.oid::regtype::text,
        'row type, may be used by ' || (
            select string_agg(
                case g.grantee when 0 then 'public' else pg_get_userbyid(g.grantee) end,
                ' '
                order by pg_get_userbyid(g.grantee) collate "C"
            )
            from aclexplode(t.typacl) as g
            where g.grantee <> t.typowner
        ),
        false
    from pg_type as t
    where
        t.typnamespace = v_schema
        and t.typtype = 'c'
        and exists (
            select
            from aclexplode(t.typacl) as g
            where
                g.grantee <> t.typowner
                and (
                    t.oid <> 'evident.event_store'::regtype
                    or g.grantee <> 'evident_projector'::regrole
                )
        )

    union all

    select
        i.type,
        evident._short(i.identity),
        'exists',
        false
    from pg_depend as d
    cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) as i
    where
        d.refclassid = 'pg_namespace'::regclass
        and d.refobjid = v_schema
        and d.classid not in (
            'pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
            'pg_default_acl'::regclass, 'pg_publication_namespace'::regclass
        )

    union all

    -- Dumps leave out what belongs to an extension, and it goes with it.
    select
        'extension member',
        evident._short(i.type || ' ' || i.identity),
        (
            select 'of extension ' || x.extname
            from pg_extension as x
            where x.oid = d.refobjid
        ),
        false
    from pg_depend as d
    cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) as i
    where
        d.deptype = 'e'
        and (
            i.schema = 'evident'
            or (d.classid = 'pg_namespace'::regclass and d.objid = v_schema)
        )

    union all

    select
        'cast',
        format(
            '%s as %s',
            format_type(c.castsource, null), format_type(c.casttarget, null)
        ),
        evident._short(
            format('%s %s %s', c.castfunc::regprocedure, c.castcontext, c.castmethod)
        ),
        false
    from pg_cast as c
    where
        array[c.castsource, c.casttarget] && array(
            select t.oid
            from pg_type as t
            where t.typnamespace = v_schema
        );
end;
$function$;

comment on function evident._catalog_others() is
'Describes what else is in schema evident: kind, name, state, is_free.';

revoke all on function evident._catalog_others() from public;
-- [end sql/functions/guards/_catalog_others.sql]
-- [begin sql/functions/guards/_catalog_roles.sql]
-- evident._catalog_roles: what around the package decides whom its guards bind.
--
-- The eight roles; who owns the database; who can become the two that own, or write
-- every table; settings of roles and of the database; default privileges; event
-- triggers. Logins that were given the other six roles come and go.

create or replace function evident._catalog_roles()
returns table (kind text, name text, state text, is_free boolean)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    with recursive ours as (
        select r.*
        from unnest(
            array[
                'evident_owner', 'evident_projector', 'evident_writer',
                'evident_reader', 'evident_consumer', 'evident_operator',
                'evident_monitor', 'evident_auditor'
            ]
        ) as u (name)
        inner join pg_roles as r on u.name = r.rolname
    ),

    trusted as (
        select r.oid
        from pg_roles as r
        where r.rolname in ('evident_owner', 'evident_projector', 'pg_write_all_data')
    ),

    reached as (
        select
            m.roleid as top,
            m.roleid,
            m.member
        from pg_auth_members as m
        inner join trusted as t on m.roleid = t.oid

        union

        select
            r.top,
            m.roleid,
            m.member
        from reached as r
        inner join pg_auth_members as m on r.member = m.roleid
    ),

    member as (
        select
            r.top,
            r.roleid,
            r.member,
            false as is_free
        from reached as r

        union

        -- Reading statistics is what monitoring needs; other roles that one of ours
        -- belongs to give it rights.
        select
            m.roleid,
            m.roleid,
            m.member,
            m.member not in (select o.oid from ours as o)
            or pg_get_userbyid(m.roleid) in (
                'pg_monitor', 'pg_read_all_stats', 'pg_read_all_settings',
                'pg_stat_scan_tables'
            )
        from pg_auth_members as m
        where
            (
                m.roleid in (select o.oid from ours as o)
                or m.member in (select o.oid from ours as o)
            )
            and m.roleid not in (select t.oid from trusted as t)
    )

    select
        'role',
        o.rolname::text,
        concat_ws(
            ', ',
            case when o.rolcanlogin then 'may log in' else 'no login' end,
            case when o.rolsuper then 'is a superuser' end,
            case when o.rolcreaterole then 'may create roles' end,
            case when o.rolcreatedb then 'may create databases' end,
            case when o.rolreplication then 'may replicate' end,
            case when o.rolbypassrls then 'bypasses row security' end
        ),
        false
    from ours as o

    union all

    -- A restore may have another one, who can do nothing to the store but drop it.
    select
        'database',
        'this database',
        'owner ' || pg_get_userbyid(d.datdba),
        true
    from pg_database as d
    where d.datname = current_database()

    union all

    select
        'member',
        pg_get_userbyid(m.top) || ': ' || pg_get_userbyid(m.member),
        string_agg(
            concat_ws(
                ' ',
                'is a member',
                case
                    when m.roleid <> m.top then 'of ' || pg_get_userbyid(m.roleid)
                end,
                case when a.admin_option then 'and may grant it' end,
                -- From PostgreSQL 16 on.
                case
                    when to_jsonb(a) ->> 'inherit_option' = 'false'
                        then 'without inheriting'
                end,
                case when to_jsonb(a) ->> 'set_option' = 'false' then 'without SET' end
            ),
            ', '
            order by pg_get_userbyid(m.roleid), pg_get_userbyid(a.grantor)
        ),
        bool_and(m.is_free)
    from member as m
    inner join pg_auth_members as a on m.roleid = a.roleid and m.member = a.member
    group by m.top, m.member

    union all

    -- Triggers that keep read models are silent for replicas.
    select
        'setting',
        concat_ws(
            ' in ',
            case s.setrole
                when 0 then 'every role' else pg_get_userbyid(s.setrole)
            end,
            case s.setdatabase when 0 then 'every database' else 'this database' end
        ) || ': ' || split_part(c.setting, '=', 1),
        evident._short(substr(c.setting, strpos(c.setting, '=') + 1)),
        false
    from pg_db_role_setting as s
    cross join unnest(s.setconfig) as c (setting)
    where
        s.setdatabase in (
            0, (
                select d.oid
                from pg_database as d
                where d.datname = current_database()
            )
        )
        and (
            s.setrole in (select o.oid from ours as o)
            or c.setting like 'session_replication_role=%'
        )

    union all

    select
        'default grant',
        format(
            '%s, %s: %s', pg_get_userbyid(d.defaclrole),
            coalesce(nullif(d.defaclnamespace, 0)::regnamespace::text, 'every schema'),
            case d.defaclobjtype
                when 'r' then 'tables' when 'S' then 'sequences'
                when 'f' then 'functions' when 'T' then 'types'
                when 'n' then 'schemas'
                else d.defaclobjtype::text
            end
        ),
        coalesce(
            (
                select evident._short(
                    string_agg(
                        case g.grantee
                            when 0 then 'public' else pg_get_userbyid(g.grantee)
                        end
                        || ' ' || g.privilege_type
                        || case when g.is_grantable then '*' else '' end,
                        ', '
                        order by
                            case g.grantee
                                when 0 then 'public' else pg_get_userbyid(g.grantee)
                            end collate "C",
                            g.privilege_type collate "C"
                    )
                )
                from aclexplode(d.defaclacl) as g
            ),
            'nobody'
        ),
        false
    from pg_default_acl as d
    where
        d.defaclnamespace = 'evident'::regnamespace
        or pg_get_userbyid(d.defaclrole) in ('evident_owner', 'evident_projector')

    union all

    select
        'event trigger',
        e.evtname::text,
        evident._short(
            format(
                '%s on %s of %s calls %s', e.evtenabled, e.evtevent,
                coalesce(array_to_string(e.evttags, ' '), 'all'),
                e.evtfoid::regprocedure
            )
        ),
        true
    from pg_event_trigger as e;
end;
$function$;

comment on function evident._catalog_roles() is
'Describes the roles of the package, who can become them, and what else binds sessions:
kind, name, state, is_free.';

revoke all on function evident._catalog_roles() from public;
-- [end sql/functions/guards/_catalog_roles.sql]
-- [begin sql/functions/guards/_catalog.sql]
-- evident._catalog: the present catalog, as evident.baseline has it.
--
-- One row for each thing that matters, in schema evident, around it, and for each
-- projection: the read model with its partitions, the fold and the keys, and what was
-- made for it, told by its comment and its name. projection is empty for the package.
-- A state that would be long is its hash.
--
-- Definitions are rendered under settings of its own: what a session says must not look
-- like a change. PL/pgSQL, since it is there before the projections are.

create or replace function evident._catalog()
returns table (
    projection text, kind text, name text, state text, is_free boolean
)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set standard_conforming_strings = on
set bytea_output = 'hex'
set extra_float_digits = 1
set intervalstyle = 'postgres'
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
-- The catalog is small. Under the seal's enable_seqscan = off its joins look so dear
-- before PostgreSQL 18 that they are compiled, which takes a second each time.
set enable_seqscan = on
set jit = off
as $function$
declare
    v_schema constant oid := 'evident'::regnamespace::oid;
    v_relations oid [];
    v_routines oid [];
    v_schemas oid [];
    -- Which object is whose: two arrays, side by side. An oid alone names no object:
    -- it is one of a relation, a function or a schema, and after pg_upgrade of several.
    v_projections text [];
    v_objects text [];
    v_running text [];
    v_parked text [];
begin
    select array_agg(c.oid)
    into v_relations
    from pg_class as c
    where
        c.relnamespace = v_schema
        and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c');

    select array_agg(p.oid)
    into v_routines
    from pg_proc as p
    where p.pronamespace = v_schema;

    if to_regclass('evident.projection') is not null then
        -- By name and text: to_regclass needs a right on the schema, which whoever
        -- has taken the schema may have taken away.
        with recursive registered as materialized (
            select
                p.name,
                c.oid,
                c.relname::text as relname,
                c.relnamespace,
                p.apply,
                p.keys
            from evident.projection as p
            inner join pg_class as c
                inner join pg_namespace as n on c.relnamespace = n.oid
                on p.name = format('%I.%I', n.nspname, c.relname)
            where c.relkind in ('r', 'p', 'v', 'm', 'f')
        ),

        model as (
            select
                r.name,
                r.oid
            from registered as r

            union

            select
                m.name,
                i.inhrelid
            from model as m
            inner join pg_inherits as i on m.oid = i.inhparent
        ),

        made as (
            select
                r.name,
                m.kind,
                m.object
            from registered as r
            cross join lateral evident._projection_made(r.name) as m
        ),

        listed as (
            select
                m.name,
                m.oid as object,
                'r' as class
            from model as m
            union
            select
                m.name,
                m.object,
                case m.kind when 'view' then 'r' else 'f' end
            from made as m
            union
            select
                r.name,
                f.oid,
                'f'
            from pg_proc as f
            inner join registered as r on f.oid::regprocedure::text in (r.apply, r.keys)
            where 'evident.event_store'::regtype = any (f.proargtypes)
            union
            select
                r.name,
                r.relnamespace,
                'n'
            from registered as r
        )

        select
            array_agg(l.name),
            array_agg(l.class || l.object),
            v_relations || array_agg(distinct l.object) filter (
                where l.class = 'r' and l.object <> all (v_relations)
            ),
            v_routines || array_agg(distinct l.object) filter (
                where l.class = 'f' and l.object <> all (v_routines)
            ),
            array_agg(distinct l.object) filter (where l.class = 'n')
        into v_projections, v_objects, v_relations, v_routines, v_schemas
        from listed as l;

        select coalesce(array_agg(p.name), '{}')
        into v_running
        from evident.projection as p
        where p.state = 'running';

        select coalesce(array_agg(distinct f.projection), '{}')
        into v_parked
        from evident.projection_failure as f;
    end if;

    -- A trigger that keeps a read model is on while its projection is running; one that
    -- refuses events of parked keys may be off while none is parked.
    return query
    select
        coalesce(w.projection, ''),
        d.kind,
        evident._short(d.name),
        case
            when
                starts_with(d.name, 'event_store.')
                and (
                    (t.mode = 'enabled: ' and w.projection = any (v_running))
                    or (
                        t.mode = 'disabled: '
                        and (
                            w.projection <> all (v_running)
                            or (
                                starts_with(d.name, 'event_store.event_store_hold_')
                                and w.projection <> all (v_parked)
                            )
                        )
                    )
                )
                then 'as its projection is: '
            else t.mode
        end
        || evident._short(substr(d.state, length(t.mode) + 1)),
        d.is_free
    from (
        select c.* from evident._catalog_relations(v_relations) as c
        union all
        select c.* from evident._catalog_routines(v_routines) as c
        union all
        select c.*
        from evident._catalog_grants(
            v_relations, v_routines, v_schema || v_schemas
        ) as c
        union all
        select null, c.* from evident._catalog_others() as c
        union all
        select null, c.* from evident._catalog_roles() as c
        union all
        select
            'n' || n.oid,
            'schema',
            n.nspname::text,
            'owner ' || pg_get_userbyid(n.nspowner),
            false
        from unnest(v_schema || v_schemas) as u (oid)
        inner join pg_namespace as n on u.oid = n.oid
    ) as d
    left join unnest(v_projections, v_objects) as w (projection, object)
        on d.object = w.object
    cross join lateral (
        select case
            when d.kind = 'trigger'
                then coalesce(substring(d.state from '^[a-z ]+: '), '')
            else ''
        end as mode
    ) as t;
end;
$function$;

comment on function evident._catalog() is
'The present catalog as evident.baseline has it: projection (empty for the package),
kind, name, state, and is_free for what may come and go.';

revoke all on function evident._catalog() from public;
-- [end sql/functions/guards/_catalog.sql]
-- [begin sql/functions/guards/_record_baseline.sql]
-- evident._record_baseline: make the present catalog the one to compare with.
--
-- Each migration ends with it, for the package; whatever makes, changes or drops a
-- projection, for that. Only what differs is stored, and what is gone as a row without
-- a state; rows are numbered without gaps. What may come and go is not stored, nor are
-- default privileges. Of a role the best is stored: one that may log in is never
-- intact.
--
-- p_part handover: only what _switch_triggers makes, or makes anew, when appends begin
-- to keep a synchronous projection: functions, who may call them, and triggers on the
-- event store; nobody looked at anything else then. fold: only p_functions, fold
-- and keys of a registration that is there already.
--
-- package: not what was made for projections that are not registered, as a dump of the
-- schema alone brings it: each has an aggregate fold_<name>, and the package has none.
-- It is not intact until create_projection makes it anew.
--
-- An owner who accepts a change of his own calls it too. That is history like the rest.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.baseline

create or replace function evident._record_baseline(
    p_projection text default '',
    p_part text default 'all',
    p_functions text[] default null
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
-- See _require_projector.
set enable_seqscan = on
set jit = off
as $function$
begin
    lock table evident.baseline in share row exclusive mode;

    insert into evident.baseline (number, projection, kind, name, state, server)
    select
        m.number + row_number() over (
            order by d.kind collate "C", d.name collate "C"
        ),
        p_projection,
        d.kind,
        d.name,
        d.state,
        current_setting('server_version_num')::integer / 10000
    from (
        select
            coalesce(f.kind, b.kind) as kind,
            coalesce(f.name, b.name) as name,
            f.state
        from (
            select
                c.kind,
                c.name,
                case c.kind when 'role' then 'no login' else c.state end as state
            from evident._catalog() as c
            where
                c.projection = p_projection
                and not c.is_free
                and c.kind <> 'default grant'
                and (
                    p_part <> 'package'
                    or not exists (
                        select
                        from pg_proc as f
                        where
                            f.pronamespace = 'evident'::regnamespace
                            and f.prokind = 'a'
                            and strpos(c.name, substr(f.proname, 6)) > 0
                    )
                )
        ) as f
        full join (
            select distinct on (r.kind collate "C", r.name collate "C")
                r.kind,
                r.name,
                r.state,
                r.server
            from evident.baseline as r
            where r.projection = p_projection
            order by r.kind collate "C", r.name collate "C", r.number desc
        ) as b on f.kind = b.kind and f.name = b.name
        where
            f.state is distinct from b.state
            and (
                p_part in ('all', 'package')
                or (
                    p_part = 'handover'
                    and (
                        (
                            f.kind in ('function', 'grant')
                            and f.name
                            ~ '^evident[.]"?(row|next|pinned|keep|kept|hold)_'
                        )
                        or (
                            b.state is null
                            and f.kind = 'trigger'
                            and starts_with(f.name, 'event_store.')
                        )
                    )
                )
                or (
                    p_part = 'fold'
                    and f.kind = 'function'
                    and f.name in (
                        select evident._short(t.called)
                        from unnest(p_functions) as t (called)
                    )
                )
            )
    ) as d
    cross join (
        select coalesce(max(r.number), 0) as number
        from evident.baseline as r
    ) as m;
end;
$function$;

comment on function evident._record_baseline(text, text, text[]) is
'Stores in evident.baseline how the catalog of the package, or of a projection, differs
from what is stored there.';

revoke all on function evident._record_baseline(text, text, text[]) from public;
-- [end sql/functions/guards/_record_baseline.sql]
-- [begin sql/functions/guards/guard_status.sql]
-- evident.guard_status: what protects history, and whether it is as installed.
--
-- One row for each thing in the catalog that matters, compared with evident.baseline:
-- what is missing, was added or is another is not intact, and so is everything when
-- the baseline is. What may come and go is shown, and intact. An owner or superuser can
-- change what this function tells, and write a baseline of his own: GuardChanged events
-- keep what it told before, fingerprint() is compared with the one that the package
-- carries, and the ledger is for the rest.

create or replace function evident.guard_status()
returns table (kind text, name text, state text, is_intact boolean)
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
-- The baseline is small as well; see _catalog.
set enable_seqscan = on
set jit = off
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $function$
begin
    -- Tables of one row each, of which later migrations make two.
    if to_regclass('evident.feed_stamp') is not null then
        return query
        select
            'row',
            'feed_stamp',
            case when count(*) = 1 then 'exists' else 'missing' end,
            count(*) = 1
        from evident.feed_stamp as s;
    end if;
    if to_regclass('evident.log_identity') is not null then
        return query
        select
            'row',
            'log_identity',
            case when count(*) = 1 then 'exists' else 'missing' end,
            count(*) = 1
        from evident.log_identity as i
        where i.incarnation = 1;
    end if;
    if to_regclass('evident.ledger_state') is not null then
        return query
        select
            'row',
            'ledger_state',
            case when count(*) = 1 then 'exists' else 'missing' end,
            count(*) = 1
        from evident.ledger_state as s;
    end if;

    return query
    with expected as (
        select distinct on (
            b.projection collate "C", b.kind collate "C", b.name collate "C"
        )
            b.projection,
            b.kind,
            b.name,
            b.state,
            b.server
        from evident.baseline as b
        order by
            b.projection collate "C", b.kind collate "C", b.name collate "C",
            b.number desc
    ),

    compared as (
        select
            f.projection is not null as is_found,
            coalesce(f.is_free, false) as is_free,
            coalesce(f.kind, e.kind) as kind,
            coalesce(f.name, e.name) as name,
            f.state as found,
            e.state as expected,
            e.server
        from (
            select x.*
            from expected as x
            where x.state is not null
        ) as e
        full join evident._catalog() as f
            on
                e.projection = f.projection
                and e.kind = f.kind
                and e.name = f.name
    )

    select distinct
        c.kind collate "C",
        c.name collate "C",
        case
            when c.is_free or c.found = c.expected then c.found
            when not c.is_found and c.kind = 'member' then 'no longer a member'
            when not c.is_found then 'missing, was: ' || c.expected
            when c.expected is null then 'added: ' || c.found
            else concat(
                c.found, ' instead of: ', c.expected,
                case
                    when
                        c.server
                        <> current_setting('server_version_num')::integer / 10000
                        then format(', recorded under PostgreSQL %s', c.server)
                end
            )
        end collate "C",
        -- A membership that ended takes a right away.
        c.is_free
        or coalesce(c.found = c.expected, false)
        or (not c.is_found and c.kind = 'member')
    from compared as c

    union all

    select
        'baseline',
        'evident.baseline',
        case
            when count(*) = 0 then 'empty: nothing to compare with'
            when count(*) <> max(b.number) then 'rows are missing, '
            else ''
        end || case
            when count(*) > 0 then 'sha256 ' || encode(
                sha256(convert_to(string_agg(b::text, ' ' order by b.number), 'UTF8')),
                'hex'
            )
            else ''
        end,
        count(*) > 0 and count(*) = max(b.number) and min(b.number) = 1
    from evident.baseline as b

    -- collation: that of the columns above
    order by 1, 2, 3;
end;
$function$;

comment on function evident.guard_status() is
'What protects history, one row each: kind (table, column, constraint, index, trigger,
rule, policy, child, view, sequence, function, grant, schema, role, member, row ...),
name,
state, and is_intact: true, or false where it differs from what the package, or
create_projection, made; state then tells both. Never null.';

revoke all on function evident.guard_status() from public;
grant execute on function evident.guard_status() to
evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/guards/guard_status.sql]
-- [begin sql/functions/guards/fingerprint.sql]
-- evident.fingerprint: one hash over everything that the package has installed.
--
-- From the catalog as it is now, in schema evident alone: the same in every database
-- with this version of the package on this major version of PostgreSQL, whoever
-- installed it, whatever its projections, before and after a restore. The Python
-- package carries the value to expect.

create or replace function evident.fingerprint()
returns text
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
begin
    return (
        select
            encode(
                sha256(
                    convert_to(
                        string_agg(
                            jsonb_build_array(c.kind, c.name, c.state)::text,
                            ' '
                            order by c.kind collate "C", c.name collate "C"
                        ),
                        'UTF8'
                    )
                ),
                'hex'
            )
        from evident._catalog() as c
        where
            c.projection = ''
            and not c.is_free
            and c.kind not in ('role', 'member', 'database', 'setting', 'default grant')
    );
end;
$function$;

comment on function evident.fingerprint() is
'SHA-256 over the catalog of schema evident, in hexadecimal: the same wherever this
version of the package is installed on this major version of PostgreSQL and nothing was
changed. evident status compares it with the one that the package carries.';

revoke all on function evident.fingerprint() from public;
grant execute on function evident.fingerprint() to
evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/guards/fingerprint.sql]

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
    select '0005_guards'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]

do $do$
begin
    perform evident._close_types();
end;
$do$;

do $do$
begin
    perform evident._record_baseline();
end;
$do$;
