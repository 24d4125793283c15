-- evident._unpark: let what waits of an aggregate come again, on the record.
--
-- Gives how many events wait, up to where the partition is; later ones follow.
-- The caller has the partition's row locked.

create or replace function evident._unpark(
    p_parked evident.consumer_parked,
    p_version integer,
    p_kind text,
    p_actor text,
    p_reason text
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_position constant bigint := (
        select p.position
        from evident.consumer_partition as p
        where p.consumer = p_parked.consumer and p.partition = p_parked.partition
        order by p.number desc
        limit 1
    );
    v_event_types constant text [] := (
        select c.event_types
        from evident.consumer as c
        where c.name = p_parked.consumer
    );
begin
    update evident.consumer_parked as w
    set
        version = p_version,
        parked_version = null,
        retried_after = v_position
    where
        w.consumer = p_parked.consumer
        and w.partition = p_parked.partition
        and w.aggregate_id = p_parked.aggregate_id;

    insert into evident.consumer_decision as d (
        consumer, kind, partition, aggregate_id, position, actor, reason
    )
    values (
        p_parked.consumer, p_kind, p_parked.partition, p_parked.aggregate_id,
        p_parked.position, p_actor, p_reason
    );

    return (
        select count(*)
        from evident.event_store as e
        where
            e.aggregate_id = p_parked.aggregate_id
            and e.version >= p_version
            and e.id <= v_position
            and (v_event_types is null or e.event_type = any (v_event_types))
    );
end;
$function$;

comment on function
evident._unpark(evident.consumer_parked, integer, text, text, text) is
'Lets the events of a parked aggregate come again from one version on, records who
decided it, and gives how many wait.';

revoke all on function
evident._unpark(evident.consumer_parked, integer, text, text, text) from public;
