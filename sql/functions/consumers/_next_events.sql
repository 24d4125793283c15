-- evident._next_events: the ids of a partition's next events, as many as a claim takes.
--
-- At least one event, then as many as fit into 16 MiB of text, so that what works on
-- them needs no more memory, whatever is stored. How far that is is found row by row,
-- and ends with the row that is too much.
--
-- Events that wait behind a parked one are left out, and what was skipped. Both are
-- looked up by key for each event, and only where there is any: a plan must not depend
-- on how many there were when it was made.
--
-- The index on id is the only good plan at any size; see read_feed.
-- The caller has the partition's row locked.

create or replace function evident._next_events(
    p_consumer text,
    p_partition integer,
    p_after bigint,
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
    v_consumer evident.consumer;
    v_event record;
    v_ids bigint [] := '{}'::bigint [];
    v_bytes bigint := 0;
    v_has_parked constant boolean := exists (
        select
        from evident.consumer_parked as w
        where w.consumer = p_consumer and w.partition = p_partition
    );
    v_has_skipped constant boolean := exists (
        select
        from evident.consumer_skip as s
        where s.consumer = p_consumer and s.position > p_after
    );
begin
    select c.*
    into v_consumer
    from evident.consumer as c
    where c.name = p_consumer;

    for v_event in
        select
            e.id,
            octet_length(e.payload::text) + octet_length(e.metadata::text) as bytes
        from evident.event_store as e
        where
            e.id > p_after
            and e.id <= p_until
            and (
                v_consumer.event_types is null
                or e.event_type = any (v_consumer.event_types)
            )
            and evident._partition_of(e.aggregate_id, v_consumer.partitions)
            = p_partition
            and (
                not v_has_parked
                or (
                    select w.version <= e.version
                    from evident.consumer_parked as w
                    where
                        w.consumer = p_consumer
                        and w.partition = p_partition
                        and w.aggregate_id = e.aggregate_id
                    limit 1
                ) is not true
            )
            and (
                not v_has_skipped
                or (
                    select true
                    from evident.consumer_skip as s
                    where s.consumer = p_consumer and s.position = e.id
                    limit 1
                ) is null
            )
        order by e.id
        limit p_limit
    loop
        v_bytes := v_bytes + v_event.bytes;
        exit when v_bytes > 16777216 and v_ids <> '{}';
        v_ids := v_ids || v_event.id;
    end loop;
    return v_ids;
end;
$function$;

comment on function evident._next_events(text, integer, bigint, bigint, bigint) is
'The ids of the events that the next claim of a partition gives.';

revoke all on function evident._next_events(text, integer, bigint, bigint, bigint)
from public;
