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
