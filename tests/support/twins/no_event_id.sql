-- Appends whatever it is given, and forgets who sent it.

create or replace function evident.append_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version bigint default null,
    p_metadata jsonb default '{}',
    p_event_id uuid default null
)
returns bigint
language sql
security definer
as $function$
    select evident.append_events(
        p_aggregate_id,
        jsonb_build_array(
            jsonb_build_object('type', p_event_type, 'payload', p_payload)
        ),
        p_expected_version
    );
$function$;
