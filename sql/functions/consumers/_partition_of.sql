-- evident._partition_of: which of a consumer's partitions an aggregate belongs to.
--
-- Hashed as PostgreSQL does it for hash partitions, so the answer outlives upgrades;
-- it differs between little-endian and big-endian machines. One aggregate is in one
-- partition, which keeps its order. Inlined by the planner.

create or replace function evident._partition_of(
    p_aggregate_id uuid,
    p_partitions integer
)
returns integer
language sql
immutable
parallel safe
begin atomic
    select (
        (uuid_hash_extended(p_aggregate_id, 0) & 9223372036854775807) % p_partitions
    )::integer;
end;

comment on function evident._partition_of(uuid, integer) is
'The partition of an aggregate, 0 to p_partitions - 1.';

revoke all on function evident._partition_of(uuid, integer) from public;
