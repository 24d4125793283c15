-- evident._close_made: take away what default privileges gave on what folds need.
--
-- Whoever set these for the role, in this database, gave rights to all that it makes:
-- to _as_projector, and so to all that folds may read. And row types of views are made
-- for PUBLIC to use, see _close_types. Only the role itself can revoke.

create or replace function evident._close_made()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
-- See _require_projector.
set enable_seqscan = on
set jit = off
as $function$
declare
    v_right record;
begin
    for v_right in
        select distinct
            o.kind,
            o.name,
            case when a.grantee = 0 then 'public' else a.grantee::regrole::text end
                as grantee
        from (
            select
                'routine' as kind,
                p.oid::regprocedure::text as name,
                p.proowner as owner,
                p.proacl as acl
            from pg_proc as p
            where p.pronamespace = 'evident'::regnamespace
            union all
            select
                'table',
                c.oid::regclass::text,
                c.relowner,
                c.relacl
            from pg_class as c
            where c.relnamespace = 'evident'::regnamespace
            union all
            select
                'type',
                t.oid::regtype::text,
                t.typowner,
                coalesce(t.typacl, acldefault('T', t.typowner))
            from pg_type as t
            where t.typnamespace = 'evident'::regnamespace and t.typtype = 'c'
        ) as o
        cross join aclexplode(o.acl) as a
        where
            o.owner = 'evident_projector'::regrole
            and a.grantee not in (o.owner, 'evident_owner'::regrole)
    loop
        execute format(
            'revoke all on %s %s from %s cascade',
            v_right.kind, v_right.name, v_right.grantee
        );
    end loop;
end;
$function$;

comment on function evident._close_made() is
'Revokes, as evident_projector, what others than evident_owner may do with what that
role made in schema evident.';

revoke all on function evident._close_made() from public;
grant execute on function evident._close_made() to evident_projector;
