-- Stores the transaction id with each event and reads up to the oldest one running.

create function evident.note_xid()
returns trigger
language plpgsql
as $function$
begin
    new.metadata := new.metadata
        || jsonb_build_object('xid', pg_current_xact_id()::text);
    return new;
end;
$function$;

create trigger event_store_note_xid
before insert on evident.event_store
for each row execute function evident.note_xid();

create or replace function evident.read_feed(
    p_after bigint default 0,
    p_limit bigint default 1000,
    p_event_types text[] default null,
    p_max_bytes bigint default null
)
returns setof evident.event_store
language sql
as $function$
    select e.*
    from evident.event_store as e
    where
        e.id > p_after
        and (e.metadata ->> 'xid')::xid8 < pg_snapshot_xmin(pg_current_snapshot())
    order by e.id
    limit p_limit;
$function$;
