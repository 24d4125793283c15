-- evident._confirm_waiting: confirm a claim of an aggregate that waited, up to one id.
--
-- What was parked again within the claim, and what is behind it, was not dealt with: it
-- is not passed, also when it was retried or skipped before this confirmation.
-- The caller has the partition's row locked.
--
-- Errors: PT400

create or replace function evident._confirm_waiting(
    p_lease evident.consumer_partition,
    p_position bigint
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_version constant integer := (
        select e.version
        from evident.event_store as e
        where e.id = p_position and e.aggregate_id = p_lease.claimed_aggregate_id
    );
begin
    update evident.consumer_parked as w
    set version = greatest(
        w.version, least(v_version + 1, w.refused_version)
    )
    where
        w.consumer = p_lease.consumer
        and w.partition = p_lease.partition
        and w.aggregate_id = p_lease.claimed_aggregate_id
        and v_version + 1 >= w.version;

    if not found then
        perform evident._refuse_argument(
            'p_position',
            'not an event of the claim, or below what is confirmed already',
            'pass the id of the last event that was dealt with'
        );
    end if;
end;
$function$;

comment on function
evident._confirm_waiting(evident.consumer_partition, bigint) is
'Confirms what was claimed of an aggregate that waited. Errors: PT400 not an event of
the claim.';

revoke all on function
evident._confirm_waiting(evident.consumer_partition, bigint) from public;
