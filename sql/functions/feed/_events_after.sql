-- evident._events_after: how many events follow a position, from the newest ids.
--
-- Exact while the position is among p_ids, the newest ids in ascending order
-- (_newest), or all events are. Below them the events before are estimated: as many
-- for each id as among the newest, since ids have gaps.

create or replace function evident._events_after(p_ids bigint[], p_position bigint)
returns bigint
language sql
immutable
parallel safe
begin atomic
    select
        cardinality(p_ids) - width_bucket(p_position, p_ids)
        + case
            when cardinality(p_ids) >= 10000 and p_position < p_ids[1] - 1
                then ceil(
                    (p_ids[1] - 1 - p_position)::numeric * cardinality(p_ids)
                    / (p_ids[cardinality(p_ids)] - p_ids[1] + 1)
                )::bigint
            else 0
        end;
end;

comment on function evident._events_after(bigint[], bigint) is
'How many events follow p_position: exact up to 10,000, above that an estimate.';

revoke all on function evident._events_after(bigint[], bigint) from public;
grant execute on function evident._events_after(bigint[], bigint) to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
