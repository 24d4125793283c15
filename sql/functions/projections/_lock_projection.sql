-- evident._lock_projection: be the only one to run or change a projection.
--
-- Held to the end of the transaction by run_projection (which only tries), by
-- the last step of a rebuild, and by whatever changes the registration.
--
-- Locks: an exclusive transaction-level advisory lock; key: 17752 in the
-- upper 16 bits, the projection's number below.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404

create or replace function evident._lock_projection(p_name text)
returns evident.projection
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return evident._lock_number(p_name, 17752);
end;
$function$;

comment on function evident._lock_projection(text) is
'Waits for and takes the projection''s runner lock until the transaction ends, and
gives the projection. Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404 no such
projection.';

revoke all on function evident._lock_projection(text) from public;
