-- evident.park_event: set one claimed event aside, and its aggregate behind it.
--
-- For an event that its worker cannot deal with. From this event on the aggregate is
-- left out of the partition, so its later events wait, those of the same claim
-- too: they are not to be dealt with. The rest goes on, and confirmations pass what
-- waits. It is one row, however many events wait.
--
-- An event that waits already is left as it is: the same call again does nothing, also
-- where an operator has retried or skipped the event since (an answer that was lost).
-- One before the parked one becomes the parked one, and that one waits.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 as in confirm_events

create or replace function evident.park_event(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint,
    p_position bigint,
    p_reason text
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    -- What a program says about its error may be long, and must not be refused.
    v_reason constant text := left(p_reason, 1000);
    v_lease evident.consumer_partition;
    v_event record;
begin
    if coalesce(trim(v_reason), '') = '' then
        perform evident._refuse_argument(
            'p_reason', 'null or empty', 'tell what went wrong with the event'
        );
    end if;

    v_lease := evident._lock_lease(p_consumer, p_partition, p_epoch);

    select
        e.aggregate_id,
        e.version
    into v_event
    from evident.event_store as e
    inner join evident.consumer as c on c.name = p_consumer
    where
        e.id = p_position
        and e.id <= v_lease.claimed_until
        and (
            e.aggregate_id = v_lease.claimed_aggregate_id
            or (v_lease.claimed_aggregate_id is null and e.id > v_lease.position)
        )
        and (c.event_types is null or e.event_type = any (c.event_types))
        and evident._partition_of(e.aggregate_id, c.partitions) = v_lease.partition;

    if not found then
        perform evident._refuse_argument(
            'p_position',
            'not an event of the claim that is not confirmed',
            'pass the id of an event that claim_events gave with this epoch'
        );
    end if;

    -- Skipped since: said again, because the first answer was lost.
    if exists (
        select
        from evident.consumer_skip as s
        where s.consumer = p_consumer and s.position = p_position
    ) then
        return;
    end if;

    insert into evident.consumer_parked as w (
        consumer, partition, aggregate_id, version, parked_version, refused_version,
        position, reason, worker
    )
    values (
        p_consumer, v_lease.partition, v_event.aggregate_id, v_event.version,
        v_event.version, v_event.version, p_position, v_reason, v_lease.worker
    )
    on conflict (consumer, partition, aggregate_id) do update
    set
        version = least(w.version, excluded.version),
        parked_version = excluded.parked_version,
        refused_version = least(w.refused_version, excluded.refused_version),
        position = excluded.position,
        reason = excluded.reason,
        worker = excluded.worker,
        parked_at = excluded.parked_at
    where
        case
            -- Claimed alone: nothing before what is confirmed, nor what comes again
            -- because it was retried within this lease.
            when v_lease.claimed_aggregate_id is not null
                then w.version <= excluded.version
                and (
                    w.parked_version is not null
                    or w.refused_version <= excluded.version is not true
                )
            -- Retried within this lease: it waits, and comes again.
            when w.parked_version is null then w.version > excluded.version
            else true
        end
        and w.parked_version > excluded.parked_version is not false;

    if found then
        insert into evident.consumer_decision as d (
            consumer, kind, partition, aggregate_id, position, actor, reason
        )
        values (
            p_consumer, 'parked', v_lease.partition, v_event.aggregate_id, p_position,
            v_lease.worker, v_reason
        );
    end if;
end;
$function$;

comment on function evident.park_event(text, bigint, bigint, bigint, text) is
'Sets the event with the id p_position aside, which was claimed with p_epoch from
p_partition and is not confirmed, and tells why: p_reason, cut to 1000 characters.
It and the later events of its aggregate, those of the claim too, wait for retry_parked
or skip_parked, see consumer_parked; the rest of the partition goes on, and is
confirmed as ever. The same call again does nothing. Errors: PT400 invalid argument,
PT404 no such consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.park_event(text, bigint, bigint, bigint, text)
from public;
grant execute on function evident.park_event(text, bigint, bigint, bigint, text) to
evident_consumer, evident_operator;
