-- evident._may_append: true when one event may be stored, and its append is announced.
--
-- What append_event asks before a row draws its id. The checks are in one case, since
-- the planner sorts conditions by their cost, and announcing has to be last. Inlined
-- by the planner.

create or replace function evident._may_append(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_metadata jsonb
)
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select case
        when
            evident._is_event(p_aggregate_id, p_event_type, p_payload, p_metadata)
            and evident._is_short(p_payload, p_metadata)
            and evident._is_ordered('evident.event_store_id_seq'::regclass)
            then evident._announce_append()
    end;
end;

comment on function evident._may_append(uuid, text, jsonb, jsonb) is
'True when the arguments make an event that may be stored at once, and the append is
announced; false or null otherwise.';

revoke all on function evident._may_append(uuid, text, jsonb, jsonb) from public;
