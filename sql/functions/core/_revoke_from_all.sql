-- evident._revoke_from_all: leave an object to its owner alone.
--
-- For what was just made: default privileges may have given rights to it to anybody.
-- Grants follow. p_catalog is pg_class, pg_proc, pg_namespace or pg_type; p_kept keeps
-- what it has. Called as the owner, who alone can revoke.

create or replace function evident._revoke_from_all(
    p_catalog regclass,
    p_object oid,
    p_kept regrole default null
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_right record;
begin
    for v_right in
        select distinct
            o.kind,
            o.name,
            case
                when a.grantee = 0 then 'public'
                else a.grantee::regrole::text
            end as grantee
        from (
            select
                'pg_class'::regclass as catalog, c.oid, c.relowner as owner,
                c.relacl as acl, c.oid::regclass::text as name,
                case c.relkind when 'S' then 'sequence' else 'table' end as kind
            from pg_class as c
            union all
            select
                'pg_proc'::regclass, p.oid, p.proowner,
                coalesce(p.proacl, acldefault('f', p.proowner)),
                p.oid::regprocedure::text, 'routine'
            from pg_proc as p
            union all
            select
                'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl,
                n.oid::regnamespace::text, 'schema'
            from pg_namespace as n
            union all
            select
                'pg_type'::regclass, t.oid, t.typowner,
                coalesce(t.typacl, acldefault('T', t.typowner)),
                t.oid::regtype::text, 'type'
            from pg_type as t
        ) as o
        cross join aclexplode(o.acl) as a
        where
            o.catalog = p_catalog
            and o.oid = p_object
            and a.grantee <> o.owner
            and a.grantee is distinct from p_kept
    loop
        execute format(
            'revoke all on %s %s from %s cascade',
            v_right.kind, v_right.name, v_right.grantee
        );
    end loop;
end;
$function$;

comment on function evident._revoke_from_all(regclass, oid, regrole) is
'Takes all rights to an object from everybody but its owner and, if given, p_kept.';

revoke all on function evident._revoke_from_all(regclass, oid, regrole) from public;
grant execute on function evident._revoke_from_all(regclass, oid, regrole) to
evident_projector;
