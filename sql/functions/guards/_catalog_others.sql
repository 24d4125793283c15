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
