-- evident._lock_aggregate: queue for one aggregate until the transaction ends.
--
-- For appends that accept any version: without a queue they would race for
-- the next version and all but one would try again. Correctness never rests
-- on this lock but on the unique key over (aggregate_id, version); appends
-- that name a version do not take it. One place uses it for more: a batch
-- that checks versions without appending locks all its aggregates, so that two
-- such batches cannot each overlook what the other one appends.
--
-- Locks: an exclusive transaction-level advisory lock; key: 17751 in the
-- upper 16 bits, a 48-bit hash of the aggregate below. Inlined by the planner.

create or replace function evident._lock_aggregate(p_aggregate_id uuid)
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select pg_advisory_xact_lock(
        (17751::bigint << 48)
        | (uuid_hash_extended(p_aggregate_id, 0) & ((1::bigint << 48) - 1))
    ) is not null;
end;

comment on function evident._lock_aggregate(uuid) is
'Waits for and takes the aggregate''s transaction-level advisory lock; true.';

revoke all on function evident._lock_aggregate(uuid) from public;
