-- evident.seek_consumer: set all partitions of a consumer to one position.
--
-- Leases that run end here: their workers get PT423. Parked aggregates stay as they
-- are: what waits behind a parked event is neither lost by a seek forward nor
-- overtaken after a seek back, and what was skipped stays skipped.
--
-- Locks: the rows of all its partitions, in their order, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident.seek_consumer(
    p_consumer text,
    p_position text,
    p_actor text,
    p_reason text
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_position bigint;
begin
    perform evident._check_decision(p_actor, p_reason);
    v_position := evident._position_of('p_position', p_position);

    perform
    from evident.consumer_partition as p
    where p.consumer = p_consumer
    order by p.partition
    for no key update;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;

    insert into evident.consumer_decision as d (
        consumer, kind, partition, position_from, position, actor, reason
    )
    select
        p.consumer,
        'sought',
        p.partition,
        p.position,
        v_position,
        p_actor,
        p_reason
    from evident.consumer_partition as p
    where p.consumer = p_consumer
    order by p.partition;

    update evident.consumer_partition as p
    set
        number = nextval('evident.consumer_number_seq'),
        epoch = nextval('evident.consumer_epoch_seq'),
        position = v_position,
        worker = null,
        lease = null,
        lease_expires_at = null,
        claimed_until = null,
        claimed_aggregate_id = null,
        attempted_id = null,
        attempts = 0
    where p.consumer = p_consumer;
    return v_position;
end;
$function$;

comment on function evident.seek_consumer(text, text, text, text) is
'Sets all partitions of p_consumer to p_position: start (before the first event), now
(behind the newest that is safe), or a position as text, up to the safe one; events
above it come, once more or for the first time. Gives the position. Running leases end
(PT423), parked aggregates wait on, skipped events stay left out. Recorded in
consumer_decision with p_actor (1 to 200 characters) and p_reason (1 to 1000). For READ
COMMITTED. Errors: PT400 invalid argument, PT404 no such consumer.';

revoke all on function evident.seek_consumer(text, text, text, text) from public;
grant execute on function evident.seek_consumer(text, text, text, text)
to evident_operator;
