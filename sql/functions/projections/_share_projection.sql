-- evident._share_projection: be told when a projection was changed since the snapshot.
--
-- For triggers at REPEATABLE READ and SERIALIZABLE, see _sql_refuse_old_snapshot. They
-- run as evident_projector, which has no rights on the registration.
--
-- Locks: the projection's row, shared
-- Errors: 40001

create or replace function evident._share_projection(p_name text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform
    from evident.projection as p
    where p.name = p_name
    for share;
end;
$function$;

comment on function evident._share_projection(text) is
'Locks a projection''s row, shared. Errors: 40001 when it was changed since the
transaction''s snapshot.';

revoke all on function evident._share_projection(text) from public;
grant execute on function evident._share_projection(text) to evident_projector;
