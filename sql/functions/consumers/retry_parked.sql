-- evident.retry_parked: let a parked event and what waits behind it come again.
--
-- In their order, and before later events of the aggregate: claims give the waiting
-- ones first (claim_events), and the partition leaves the aggregate out until they
-- are confirmed up to where the partition is.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident.retry_parked(
    p_consumer text,
    p_aggregate_id uuid,
    p_actor text default null,
    p_reason text default null
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
    v_parked evident.consumer_parked;
begin
    perform evident._check_decision(
        coalesce(p_actor, session_user), coalesce(p_reason, 'none given')
    );
    v_parked := evident._lock_parked(p_consumer, p_aggregate_id);

    return evident._unpark(
        v_parked, v_parked.version, 'retried', coalesce(p_actor, session_user), p_reason
    );
end;
$function$;

comment on function evident.retry_parked(text, uuid, text, text) is
'Lets the parked event of p_aggregate_id and the events that wait behind it come again,
in their order, and gives how many they are now; recorded in consumer_decision with
p_actor (1 to 200 characters, or null for the login) and p_reason (1 to 1000, or null).
For READ COMMITTED. Errors: PT400 invalid argument, PT404 no such consumer, or not
parked.';

revoke all on function evident.retry_parked(text, uuid, text, text) from public;
grant execute on function evident.retry_parked(text, uuid, text, text)
to evident_operator;
