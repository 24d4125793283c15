-- evident._replayed_version: the version that an earlier run of the same append
-- gave its last event; null when none of its event_ids is stored.
--
-- An append is the same request when all its events carry an event_id and are
-- stored one after the other in this aggregate with equal type and payload.
-- Everything in between is an event_id used twice. Events that the running
-- call inserted itself (p_own_ids) prove nothing and count as not stored.
--
-- Errors: PT422

create or replace function evident._replayed_version(
    p_aggregate_id uuid,
    p_events jsonb,
    p_own_ids bigint[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_stored record;
begin
    select
        count(*) as found,
        max(e.version) as last_version,
        bool_and(
            e.aggregate_id = p_aggregate_id
            and e.event_type = v.value ->> 'type'
            and e.payload = v.value -> 'payload'
        )
        and count(distinct e.version - v.ordinality) = 1 as is_same,
        -- collation: a boolean
        (array_agg(e.event_id order by
            e.aggregate_id = p_aggregate_id
            and e.event_type = v.value ->> 'type'
            and e.payload = v.value -> 'payload',
            v.ordinality
        ))[1] as event_id
    into v_stored
    from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
    inner join evident.event_store as e
        on e.event_id = (v.value ->> 'event_id')::uuid
    where e.id <> all (p_own_ids);

    if v_stored.found = 0 then
        return null;
    end if;

    if v_stored.is_same and v_stored.found = jsonb_array_length(p_events) then
        return v_stored.last_version;
    end if;

    raise exception using
        errcode = 'PT422',
        message = format(
            'event_id %s is already stored with other content', v_stored.event_id
        ),
        detail = (
            select
                jsonb_build_object(
                    'event_id', e.event_id,
                    'aggregate_id', e.aggregate_id,
                    'version', e.version
                )::text
            from evident.event_store as e
            where e.event_id = v_stored.event_id
        ),
        hint = 'repeat the very same append, or give new events new event_ids';
end;
$function$;

comment on function evident._replayed_version(uuid, jsonb, bigint[]) is
'The version of the last event when this very append is stored already, null
when none of its event_ids is; PT422 when they are stored otherwise.';

revoke all on function evident._replayed_version(uuid, jsonb, bigint[])
from public;
