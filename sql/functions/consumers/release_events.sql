-- evident.release_events: give claimed events back that are not confirmed.
--
-- The next claim gets them at once instead of when the lease runs out. The epoch stays,
-- so that a repeated call succeeds, but nothing is left to confirm with it.
--
-- The claim counts as an attempt at its first event, unless the worker says that it
-- was no failure of the events: it is stopped, or has nowhere to write to.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 as in confirm_events

create or replace function evident.release_events(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint,
    p_is_failure boolean default true
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
    v_lease evident.consumer_partition;
    v_uncounted integer;
begin
    if p_is_failure is null then
        perform evident._refuse_argument(
            'p_is_failure', 'null', 'pass whether the claim counts as an attempt'
        );
    end if;
    v_lease := evident._lock_lease(p_consumer, p_partition, p_epoch);

    -- Once: a repeated call finds no worker any more.
    v_uncounted := case when p_is_failure or v_lease.worker is null then 0 else 1 end;

    update evident.consumer_parked as w
    set attempts = greatest(w.attempts - v_uncounted, 0)
    where
        v_uncounted > 0
        and w.consumer = v_lease.consumer
        and w.partition = v_lease.partition
        and w.aggregate_id = v_lease.claimed_aggregate_id
        and w.attempted_version = w.version;

    update evident.consumer_partition as p
    set
        number = nextval('evident.consumer_number_seq'),
        claimed_until = case
            when p.claimed_aggregate_id is null
                then least(p.position, p.claimed_until)
        end,
        attempts = case
            when p.claimed_aggregate_id is null
                then greatest(p.attempts - v_uncounted, 0)
            else p.attempts
        end,
        worker = null,
        lease = null,
        lease_expires_at = null
    where
        p.consumer = p_consumer
        and p.partition = p_partition
        and p.number = v_lease.number;
end;
$function$;

comment on function evident.release_events(text, bigint, bigint, boolean) is
'Gives the unconfirmed events of p_partition, claimed with p_epoch, back for others to
claim at once. With p_is_failure false the claim is not counted in attempts. The same
call again does nothing. Errors: PT400 invalid argument, PT404 no such
consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.release_events(text, bigint, bigint, boolean)
from public;
grant execute on function evident.release_events(text, bigint, bigint, boolean) to
evident_consumer, evident_operator;
