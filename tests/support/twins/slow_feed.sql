-- Not broken: the right order of the three statements, with time in between, in
-- which anything may happen. The control for the twins with another order.

create or replace function evident.safe_position()
returns bigint
language plpgsql
volatile
as $function$
declare
    v_last bigint;
    v_announced bigint;
begin
    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );
    perform pg_sleep(0.003);
    select min(((l.classid::bigint & 65535) << 32) | l.objid::bigint)
    into v_announced
    from pg_locks as l
    where
        l.locktype = 'advisory'
        and l.classid::bigint >> 16 = 17750
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        );
    perform pg_sleep(0.003);
    return least(v_last, v_announced);
end;
$function$;
