-- evident._feed_position: where the feed ends now, for a statement that begins later.
--
-- The two looks of safe_position, which tells why they stand in this order. Never
-- refuses, for status views: a snapshot that was taken before may lack events at or
-- below the position, so at REPEATABLE READ nobody may read up to it.

create or replace function evident._feed_position()
returns bigint
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_last bigint;
    v_announced bigint;
begin
    if pg_is_in_recovery() then
        return coalesce((select s.position from evident.feed_stamp as s), 0);
    end if;

    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );

    select min(a.position)
    into v_announced
    from evident.announcement as a;

    return least(v_last, v_announced);
end;
$function$;

comment on function evident._feed_position() is
'Where the feed ends at this moment; see safe_position.';

revoke all on function evident._feed_position() from public;
grant execute on function evident._feed_position() to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
