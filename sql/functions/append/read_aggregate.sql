-- evident.read_aggregate: the events of one aggregate, by version.
--
-- Inlined into the calling query: a bare index scan.

create or replace function evident.read_aggregate(
    p_aggregate_id uuid,
    p_from_version bigint default 1,
    p_to_version bigint default null
)
returns setof evident.event_store
language sql
stable
parallel safe
begin atomic
    select e.*
    from evident.event_store as e
    where
        e.aggregate_id = p_aggregate_id
        and e.version >= coalesce(p_from_version, 1)
        and e.version <= coalesce(p_to_version, 2147483647)
    order by e.version;
end;

comment on function evident.read_aggregate(uuid, bigint, bigint) is
'The events of one aggregate in the order of their versions, from p_from_version
to p_to_version, both included; null leaves that end open. No rows when there
are none.';

revoke all on function evident.read_aggregate(uuid, bigint, bigint) from public;
grant execute on function evident.read_aggregate(uuid, bigint, bigint) to
evident_reader, evident_operator, evident_auditor;
