-- evident._is_event: true when one event's arguments can be stored as they are.
--
-- The quick look of the hot path, as few and small operators as will do; what is
-- wrong with a refused one is found by _event_problem. Null counts as refused in
-- a condition. The nil aggregate is the store's own. How long the documents are is for
-- append_event to find out. Inlined by the planner.

create or replace function evident._is_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_metadata jsonb
)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select
        p_aggregate_id <> '00000000-0000-0000-0000-000000000000'
        and p_event_type <> ''
        and char_length(p_event_type) <= 100
        and p_payload @> '{}'
        and coalesce(p_metadata, '{}') @> '{}';
end;

comment on function evident._is_event(uuid, text, jsonb, jsonb) is
'True when the arguments make an event, however long; false or null otherwise.';

revoke all on function evident._is_event(uuid, text, jsonb, jsonb) from public;
