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
begin
    perform evident._revoke_from_all(o.catalog, o.oid, 'evident_owner')
    from (
        select
            'pg_proc'::regclass as catalog,
            p.oid
        from pg_proc as p
        where
            p.pronamespace = 'evident'::regnamespace
            and p.proowner = 'evident_projector'::regrole
        union all
        select
            'pg_class'::regclass,
            c.oid
        from pg_class as c
        where
            c.relnamespace = 'evident'::regnamespace
            and c.relowner = 'evident_projector'::regrole
        union all
        select
            'pg_type'::regclass,
            t.oid
        from pg_type as t
        where
            t.typnamespace = 'evident'::regnamespace
            and t.typtype = 'c'
            and t.typowner = 'evident_projector'::regrole
    ) as o;
end;
$function$;

comment on function evident._close_made() is
'Revokes, as evident_projector, what others than evident_owner may do with what that
role made in schema evident.';

revoke all on function evident._close_made() from public;
grant execute on function evident._close_made() to evident_projector;
