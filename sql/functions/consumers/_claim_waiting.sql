-- evident._claim_waiting: find what a partition gives of aggregates that were retried.
--
-- The aggregate that was claimed longest ago comes first, so that one that fails
-- again does not keep the others. One of which nothing waits any more is a
-- part of its partition again, unless it is parked further on.
--
-- Gives the aggregate, its events, how often the first one was claimed with this time,
-- and how far the partition was when it was retried; nothing when nothing waits.
-- The caller has the partition's row locked.

create or replace function evident._claim_waiting(
    p_consumer text,
    p_partition integer,
    p_position bigint,
    p_limit bigint
)
returns table (
    aggregate_id uuid,
    ids bigint[],
    attempts bigint,
    retried_after bigint
)
language plpgsql
volatile
parallel unsafe
rows 1
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_waiting evident.consumer_parked;
begin
    for v_waiting in
        select w.*
        from evident.consumer_parked as w
        where
            w.consumer = p_consumer
            and w.partition = p_partition
            and w.version is distinct from w.parked_version
        order by w.number
    loop
        ids := evident._next_waiting(v_waiting, p_position, p_limit);

        if ids <> '{}' then
            update evident.consumer_parked as w
            set
                number = nextval('evident.consumer_number_seq'),
                attempts = case
                    when w.attempted_version = w.version then w.attempts + 1
                    else 1
                end,
                attempted_version = w.version,
                refused_version = null
            where
                w.consumer = p_consumer
                and w.partition = p_partition
                and w.aggregate_id = v_waiting.aggregate_id
            returning w.aggregate_id, w.attempts, w.retried_after
            into aggregate_id, attempts, retried_after;
            return next;
            return;
        elsif v_waiting.parked_version is null then
            delete from evident.consumer_parked as w
            where
                w.consumer = p_consumer
                and w.partition = p_partition
                and w.aggregate_id = v_waiting.aggregate_id;
        elsif v_waiting.position <= p_position then
            -- Nothing is left before the event at which it is parked.
            update evident.consumer_parked as w
            set version = w.parked_version
            where
                w.consumer = p_consumer
                and w.partition = p_partition
                and w.aggregate_id = v_waiting.aggregate_id;
        end if;
    end loop;
end;
$function$;

comment on function
evident._claim_waiting(text, integer, bigint, bigint) is
'What a claim of a partition gives of an aggregate that was retried; no row for
nothing.';

revoke all on function
evident._claim_waiting(text, integer, bigint, bigint) from public;
