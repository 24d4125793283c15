-- evident._lock_making: be the only one to make functions in schema evident.
--
-- The right to create there is a row that two transactions cannot change at once
-- (_make_functions). It comes after the projection's lock, and before those of the view
-- of its events and of the event store: who waits for it holds nothing that appends
-- wait for.
--
-- Locks: an exclusive transaction-level advisory lock; key: 17752 in the upper 16 bits,
-- 0 below, which is no projection's number.

create or replace function evident._lock_making()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform pg_advisory_xact_lock(17752::bigint << 48);
end;
$function$;

comment on function evident._lock_making() is
'Waits for and takes the lock of making functions until the transaction ends.';

revoke all on function evident._lock_making() from public;
