-- evident._lock_registration: be the only one to register or drop a projection.
--
-- A rebuild shares the lock with other rebuilds from its beginning. It reads what was
-- made for the projection long before it takes the projection's lock; whoever waited
-- for the former with the latter in hand would wait for ever.
--
-- Without a name it is the lock of all names, and null comes back. With one it gives
-- the projection, which has another number once it was dropped and made anew.
--
-- Everybody takes the locks in this order: registration, projection, making, view of
-- its events, event store, read model.
--
-- Locks: a transaction-level advisory lock; key: 17753 in the upper 16 bits, the
-- projection's number below, or 0.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE, PT404

create or replace function evident._lock_registration(
    p_name text default null,
    p_is_shared boolean default false
)
returns evident.projection
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._refuse_one_snapshot();
    if p_name is null then
        perform pg_advisory_xact_lock(17753::bigint << 48);
        return null;
    end if;
    return evident._lock_number(p_name, 17753, p_is_shared);
end;
$function$;

comment on function evident._lock_registration(text, boolean) is
'Waits for and takes the lock of a projection''s registration until the transaction
ends, and gives the projection. Errors: PT400 at REPEATABLE READ and SERIALIZABLE,
PT404 no such projection.';

revoke all on function evident._lock_registration(text, boolean) from public;
