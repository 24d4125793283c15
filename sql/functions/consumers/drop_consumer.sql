-- evident.drop_consumer: forget a consumer and its positions.
--
-- Waits for calls that hold a row of it, and a worker that still has events of it
-- gets PT404, or PT423 when there is a new consumer of that name. The partitions are
-- locked before the consumer, as by those who park an event. What was decided about it
-- stays in consumer_decision.
--
-- Locks: the rows of its partitions, in their order, then the consumer's.
-- Errors: PT404

create or replace function evident.drop_consumer(p_consumer text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
begin
    perform
    from evident.consumer_partition as p
    where p.consumer = p_consumer
    order by p.partition
    for update;

    delete from evident.consumer as c
    where c.name = p_consumer;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;

    insert into evident.consumer_decision as d (consumer, kind)
    values (p_consumer, 'dropped');
end;
$function$;

comment on function evident.drop_consumer(text) is
'Forgets a consumer and how far it was; what was decided about it stays in
consumer_decision. Errors: PT404 no such consumer.';

revoke all on function evident.drop_consumer(text) from public;
grant execute on function evident.drop_consumer(text) to evident_operator;
