-- Reads what is visible behind the last id, without a watermark.

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
    where e.id > p_after
    order by e.id
    limit p_limit;
$function$;
