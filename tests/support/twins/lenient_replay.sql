-- Takes any append whose event_ids are stored for a repetition.

create or replace function evident._replayed_version(
    p_aggregate_id uuid,
    p_events jsonb,
    p_own_ids bigint[]
)
returns bigint
language sql
as $function$
    select max(e.version)::bigint
    from jsonb_array_elements(p_events) as v (value)
    inner join evident.event_store as e
        on e.event_id = (v.value ->> 'event_id')::uuid;
$function$;
