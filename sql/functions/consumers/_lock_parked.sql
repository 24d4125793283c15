-- evident._lock_parked: lock a parked aggregate of a consumer, and its partition.
--
-- The partition's row comes first, as in all that moves a partition, so a claim
-- sees either what was before the decision or what came of it.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident._lock_parked(p_consumer text, p_aggregate_id uuid)
returns evident.consumer_parked
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_partition integer;
    v_parked evident.consumer_parked;
begin
    perform evident._refuse_one_snapshot();

    select evident._partition_of(p_aggregate_id, c.partitions)
    into v_partition
    from evident.consumer as c
    where c.name = p_consumer;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;

    perform
    from evident.consumer_partition as p
    where p.consumer = p_consumer and p.partition = v_partition
    order by p.number desc
    limit 1
    for no key update;

    select w.*
    into v_parked
    from evident.consumer_parked as w
    where
        w.consumer = p_consumer
        and w.partition = v_partition
        and w.aggregate_id = p_aggregate_id
        and w.parked_version is not null;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'consumer %s has no parked aggregate %s',
                p_consumer,
                coalesce(p_aggregate_id::text, 'null')
            ),
            detail = jsonb_build_object(
                'name', p_consumer, 'aggregate_id', p_aggregate_id
            )::text,
            hint = 'see evident.consumer_parked';
    end if;
    return v_parked;
end;
$function$;

comment on function evident._lock_parked(text, uuid) is
'Locks the partition of a parked aggregate, and gives its row. Errors: PT400 at
REPEATABLE READ and SERIALIZABLE, PT404 no such consumer, or not parked.';

revoke all on function evident._lock_parked(text, uuid) from public;
