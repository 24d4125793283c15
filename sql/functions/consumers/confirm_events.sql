-- evident.confirm_events: say that claimed events are dealt with, up to one id.
--
-- The last id of a claim ends the lease; one before it renews the lease. A repeated
-- confirmation, whose answer was lost, succeeds as long as nobody has claimed the
-- partition since.
--
-- Of an aggregate that waited, its own place moves instead of the partition's.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 at REPEATABLE READ and SERIALIZABLE when the
-- partition was claimed since the snapshot

create or replace function evident.confirm_events(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint,
    p_position bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_lease evident.consumer_partition := evident._lock_lease(
        p_consumer, p_partition, p_epoch
    );
begin
    if p_position is null or p_position <= v_lease.claimed_until is not true then
        perform evident._refuse_argument(
            'p_position',
            'null or beyond what was claimed',
            'pass the id of the last event that was dealt with'
        );
    end if;

    if v_lease.claimed_aggregate_id is not null then
        perform evident._confirm_waiting(v_lease, p_position);
    end if;

    if p_position = v_lease.claimed_until then
        -- An empty look of somebody else's may have moved the position further.
        update evident.consumer_partition as p
        set
            number = nextval('evident.consumer_number_seq'),
            position = greatest(p.position, p_position),
            worker = null,
            lease = null,
            lease_expires_at = null,
            claimed_aggregate_id = null
        where
            p.consumer = p_consumer
            and p.partition = p_partition
            and p.number = v_lease.number;
        return;
    end if;

    if p_position < v_lease.position and v_lease.claimed_aggregate_id is null then
        perform evident._refuse_argument(
            'p_position',
            'below what is confirmed already',
            'pass the id of the last event that was dealt with'
        );
    end if;

    update evident.consumer_partition as p
    set
        number = nextval('evident.consumer_number_seq'),
        position = greatest(p.position, p_position),
        lease_expires_at = evident._now() + p.lease
    where
        p.consumer = p_consumer
        and p.partition = p_partition
        and p.number = v_lease.number;
end;
$function$;

comment on function evident.confirm_events(text, bigint, bigint, bigint) is
'Says that the events of p_partition are dealt with up to the id p_position, within what
was claimed with p_epoch. The last id claimed ends the lease, one before it renews it.
The same call again does nothing. Errors: PT400 invalid argument, PT404 no such
consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.confirm_events(text, bigint, bigint, bigint)
from public;
grant execute on function evident.confirm_events(text, bigint, bigint, bigint) to
evident_consumer, evident_operator;
