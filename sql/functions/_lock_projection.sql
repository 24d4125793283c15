-- evident._lock_projection: be the only one to run or change a projection.
--
-- Held to the end of the transaction by run_projection (which only tries), by
-- the last step of a rebuild, and by whatever changes the registration.
--
-- Locks: an exclusive transaction-level advisory lock; key: 17752 in the
-- upper 16 bits, the projection's number below. Inlined by the planner.

create or replace function evident._lock_projection(p_number integer)
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select pg_advisory_xact_lock((17752::bigint << 48) | p_number) is not null;
end;

comment on function evident._lock_projection(integer) is
'Waits for and takes the projection''s runner lock until the transaction ends.';

revoke all on function evident._lock_projection(integer) from public;
