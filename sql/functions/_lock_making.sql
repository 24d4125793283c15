-- evident._lock_making: be the only one to make functions in schema evident.
--
-- The right to create there is a row that two transactions cannot change at once
-- (_make_functions), and what was made is recorded (_record_baseline). So one lock
-- stands for both; no login without rights can hold it. It comes after the projection's
-- lock, and before those of the view of its events and of the event store: whoever
-- waits for it holds nothing that appends wait for.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.baseline

create or replace function evident._lock_making()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    lock table evident.baseline in share row exclusive mode;
end;
$function$;

comment on function evident._lock_making() is
'Waits for and takes the lock of making functions until the transaction ends.';

revoke all on function evident._lock_making() from public;
