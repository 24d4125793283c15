-- evident._lock_lease: lock a partition whose newest claim is the caller's.
--
-- The epoch is the fencing token: it changes with each claim, and never comes again,
-- not even when a consumer is dropped and created anew. A lease that ran out
-- is still its worker's until somebody else claims the partition. The newest version
-- of the row is the first in the index: nothing walks over older ones.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423

create or replace function evident._lock_lease(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint
)
returns evident.consumer_partition
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_lease evident.consumer_partition;
begin
    if p_partition is null or p_epoch is null then
        perform evident._refuse_argument(
            case when p_partition is null then 'p_partition' else 'p_epoch' end,
            'null',
            'pass what claim_events gave'
        );
    end if;

    select p.*
    into v_lease
    from evident.consumer_partition as p
    where p.consumer = p_consumer and p.partition = p_partition
    order by p.number desc
    limit 1
    for no key update;

    if not found then
        if not exists (
            select from evident.consumer as c where c.name = p_consumer
        ) then
            perform evident._refuse_consumer(p_consumer);
        end if;
        perform evident._refuse_argument(
            'p_partition',
            'the consumer has no such partition',
            'pass what claim_events gave'
        );
    end if;

    if v_lease.epoch = 0 or v_lease.epoch <> p_epoch then
        raise exception using
            errcode = 'PT423',
            message = format(
                'partition %s of consumer %s is at epoch %s, not %s',
                p_partition, p_consumer, v_lease.epoch, p_epoch
            ),
            detail = jsonb_build_object(
                'name', p_consumer,
                'epoch', v_lease.epoch
            )::text,
            hint = 'the events are another worker''s now: leave them and claim again';
    end if;
    return v_lease;
end;
$function$;

comment on function evident._lock_lease(text, bigint, bigint) is
'Locks and gives the row of a partition that was claimed with this epoch last. Errors:
PT400 invalid argument, PT404 no such consumer, PT423 claimed by another since.';

revoke all on function evident._lock_lease(text, bigint, bigint) from public;
