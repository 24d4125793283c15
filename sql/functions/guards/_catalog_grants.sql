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
