-- evident._next_waiting: the ids of an aggregate's events that come again.
--
-- In the order of its versions, from the first that is not confirmed to where it is
-- parked again or the partition has come: what is behind that, the partition gives
-- once nothing waits any more. Bounded as _next_events is.
--
-- Ids rise with the versions of one aggregate, so the first id above the partition's
-- position ends the look, however long the aggregate is.
-- The caller has the partition's row locked.

create or replace function evident._next_waiting(
    p_waiting evident.consumer_parked,
    p_until bigint,
    p_limit bigint
)
returns bigint[]
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $function$
declare
    v_event record;
    v_ids bigint [] := '{}'::bigint [];
    v_bytes bigint := 0;
    v_event_types constant text [] := (
        select c.event_types
        from evident.consumer as c
        where c.name = p_waiting.consumer
    );
begin
    for v_event in
        select
            e.id,
            octet_length(e.payload::text) + octet_length(e.metadata::text) as bytes,
            v_event_types is null or e.event_type = any (v_event_types) as is_wanted
        from evident.event_store as e
        where
            e.aggregate_id = p_waiting.aggregate_id
            and e.version >= p_waiting.version
            and (
                p_waiting.parked_version is null
                or e.version < p_waiting.parked_version
            )
        order by e.version
    loop
        exit when v_event.id > p_until or cardinality(v_ids) = p_limit;
        continue when not v_event.is_wanted or exists (
            select
            from evident.consumer_skip as s
            where s.consumer = p_waiting.consumer and s.position = v_event.id
        );
        v_bytes := v_bytes + v_event.bytes;
        exit when v_bytes > 16777216 and v_ids <> '{}';
        v_ids := v_ids || v_event.id;
    end loop;
    return v_ids;
end;
$function$;

comment on function
evident._next_waiting(evident.consumer_parked, bigint, bigint) is
'The ids of the events that the next claim of an aggregate that waited gives.';

revoke all on function
evident._next_waiting(evident.consumer_parked, bigint, bigint) from public;
