-- evident._event_problem: what is wrong with one event of a document, or null.
--
-- Gives {path below the event, reason, hint}. Inlined by the planner.

create or replace function evident._event_problem(p_event jsonb)
returns text[]
language sql
immutable
parallel safe
begin atomic
    select case
        when jsonb_typeof(p_event) <> 'object'
            then array['', 'not a JSON object', 'pass {"type", "payload"}']
        when p_event - '{type,payload,metadata,event_id}'::text[] <> '{}'
            then array[
                '', 'has an unknown key',
                'the keys are type, payload, metadata and event_id'
            ]
        when
            coalesce(jsonb_typeof(p_event -> 'type'), '') <> 'string'
            or char_length(p_event ->> 'type') not between 1 and 100
            then array[
                '.type', 'not a text of 1 to 100 characters',
                'name what happened, such as OrderCreated'
            ]
        when coalesce(jsonb_typeof(p_event -> 'payload'), '') <> 'object'
            then array[
                '.payload', 'not a JSON object', 'wrap the value: {"value": ...}'
            ]
        when jsonb_typeof(p_event -> 'metadata') not in ('object', 'null')
            then array[
                '.metadata', 'not a JSON object',
                'leave it out when there is none'
            ]
        when
            jsonb_typeof(p_event -> 'event_id') <> 'null'
            and not evident._is_uuid(p_event -> 'event_id')
            then array['.event_id', 'not a UUID', 'pass a UUID as a string']
    end;
end;

comment on function evident._event_problem(jsonb) is
'What is wrong with one event {"type", "payload", "metadata"?, "event_id"?}:
{path, reason, hint}; null when it is fine.';

revoke all on function evident._event_problem(jsonb) from public;
