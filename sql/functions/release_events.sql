-- evident.release_events: give claimed events back that are not confirmed.
--
-- The next claim gets them at once instead of when the lease runs out. The epoch stays,
-- so that a repeated call succeeds, but nothing is left to confirm with it.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 as in confirm_events

create or replace function evident.release_events(
    p_consumer text,
    p_partition integer,
    p_epoch bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
begin
    perform evident._lock_lease(p_consumer, p_partition, p_epoch);

    update evident.consumer_partition as p
    set
        claimed_until = least(p.position, p.claimed_until),
        worker = null,
        lease = null,
        lease_expires_at = null
    where p.consumer = p_consumer and p.partition = p_partition;
end;
$function$;

comment on function evident.release_events(text, integer, bigint) is
'Gives the unconfirmed events of p_partition, claimed with p_epoch, back for others to
claim at once. The same call again does nothing. Errors: PT400 invalid argument, PT404
no such consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.release_events(text, integer, bigint) from public;
grant execute on function evident.release_events(text, integer, bigint) to
evident_consumer, evident_operator;
