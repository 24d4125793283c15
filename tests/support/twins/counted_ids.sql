-- Counts ids, also those that no event has.

create or replace function evident._events_after(p_ids bigint[], p_position bigint)
returns bigint
language sql
immutable
parallel safe
begin atomic
    select greatest(
        coalesce(p_ids[cardinality(p_ids)], 0) - p_position, 0
    );
end;
