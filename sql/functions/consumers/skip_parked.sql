-- evident.skip_parked: leave a parked event out, on the record; the ones behind follow.
--
-- History is not edited: the event stays, and consumer_skip says who left it out for
-- this consumer, and why. It stays left out after a seek to before it.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident.skip_parked(
    p_consumer text,
    p_aggregate_id uuid,
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
    v_parked evident.consumer_parked;
begin
    perform evident._check_decision(p_actor, p_reason);
    v_parked := evident._lock_parked(p_consumer, p_aggregate_id);

    insert into evident.consumer_skip as s (
        consumer, position, aggregate_id, version, actor, reason, message
    )
    values (
        p_consumer, v_parked.position, p_aggregate_id, v_parked.parked_version, p_actor,
        p_reason, v_parked.reason
    );
    return evident._unpark(
        v_parked,
        case
            when v_parked.version = v_parked.parked_version then v_parked.version + 1
            else v_parked.version
        end,
        'skipped',
        p_actor,
        p_reason
    );
end;
$function$;

comment on function evident.skip_parked(text, uuid, text, text) is
'Leaves the parked event of p_aggregate_id out for p_consumer, records p_actor (1 to 200
characters) and p_reason (1 to 1000) in consumer_skip, lets the events behind it come
again in their order, and gives how many they are now. For READ COMMITTED. Errors: PT400
invalid argument, PT404 no such consumer, or not parked.';

revoke all on function evident.skip_parked(text, uuid, text, text) from public;
grant execute on function evident.skip_parked(text, uuid, text, text)
to evident_operator;
