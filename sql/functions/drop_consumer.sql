-- evident.drop_consumer: forget a consumer and its positions.
--
-- Waits for calls that hold a row of it, and a worker that still has events of it
-- gets PT404, or PT423 when there is a new consumer of that name.
--
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
    delete from evident.consumer as c
    where c.name = p_consumer;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;
end;
$function$;

comment on function evident.drop_consumer(text) is
'Forgets a consumer and how far it was. Errors: PT404 no such consumer.';

revoke all on function evident.drop_consumer(text) from public;
grant execute on function evident.drop_consumer(text) to evident_operator;
