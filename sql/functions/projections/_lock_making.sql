-- evident._lock_making: be the only one to make functions in schema evident.
--
-- The right to create there is a row that two transactions cannot change at once
-- (_make_functions), and what was made is recorded (_record_baseline). So one lock
-- stands for both; no login without rights can hold it. It comes after the projection's
-- lock, and before those of the view of its events and of the event store: whoever
-- waits for it holds nothing that appends wait for. A transaction that has looked at
-- events may not wait: the holder may want the event store for himself.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.baseline
-- Errors: 55P03, at once, when another has it and p_may_wait is false

create or replace function evident._lock_making(p_may_wait boolean default true)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_may_wait then
        lock table evident.baseline in share row exclusive mode;
    else
        lock table evident.baseline in share row exclusive mode nowait;
    end if;
end;
$function$;

comment on function evident._lock_making(boolean) is
'Takes the lock of making functions until the transaction ends.';

revoke all on function evident._lock_making(boolean) from public;
