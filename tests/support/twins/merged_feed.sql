-- Takes the position and the events in one statement: one snapshot, which is older
-- than the position.

create or replace function evident.read_feed(
    p_after bigint default 0,
    p_limit bigint default 1000,
    p_event_types text[] default null,
    p_max_bytes bigint default null
)
returns setof evident.event_store
language plpgsql
volatile
as $function$
begin
    return query
    with pause as materialized (
        select pg_sleep(0.003)::text as done
    ),

    safe as materialized (
        select evident.safe_position() as safe_position
        from pause as p
        where p.done is not null
    )

    select e.*
    from evident.event_store as e
    where
        e.id > p_after
        and e.id <= (
            select s.safe_position
            from safe as s
        )
    order by e.id
    limit p_limit;
end;
$function$;
