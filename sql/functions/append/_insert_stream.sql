-- evident._insert_stream: insert a slice of an events document behind p_base.
--
-- Element i of the document gets version p_base + i; elements p_first to p_last
-- go in. An event whose version or event_id is taken is left out, and the
-- caller sees from the count that this happened. The first element claims its
-- version; behind it nothing but a given event_id can collide, and without one
-- the rest goes in unwatched, which is a sixth quicker.
--
-- evident.is_batch tells the triggers of synchronous projections to fold the
-- events together (_make_keep_batch).

create or replace function evident._insert_stream(
    p_aggregate_id uuid,
    p_base integer,
    p_events jsonb,
    p_first integer,
    p_last integer
)
returns integer
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_count integer;
begin
    perform set_config('evident.is_batch', 'on', true);
    if p_first > 1 and not jsonb_path_exists(p_events, '$[*].event_id') then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id,
            p_base + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(nullif(v.value -> 'metadata', 'null'), '{}')
        from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
        where v.ordinality between p_first and p_last
        order by v.ordinality;
    else
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            p_aggregate_id,
            p_base + v.ordinality::integer,
            v.value ->> 'type',
            v.value -> 'payload',
            coalesce(nullif(v.value -> 'metadata', 'null'), '{}'),
            coalesce((v.value ->> 'event_id')::uuid, evident._uuid_v7())
        from jsonb_array_elements(p_events) with ordinality as v (value, ordinality)
        where v.ordinality between p_first and p_last
        order by v.ordinality
        on conflict do nothing;
    end if;

    get diagnostics v_count = row_count;
    perform set_config('evident.is_batch', 'off', true);
    return v_count;
end;
$function$;

comment on function
evident._insert_stream(uuid, integer, jsonb, integer, integer) is
'Inserts elements p_first to p_last of an events document, element i as version
p_base + i; gives how many went in.';

revoke all on function
evident._insert_stream(uuid, integer, jsonb, integer, integer) from public;
