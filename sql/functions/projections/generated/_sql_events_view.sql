-- evident._sql_events_view: SQL for events_of_<projection>, the events it is made of.
--
-- Once for each of their keys. Every path reads them here, so types, keys and what was
-- skipped are settled once. What was skipped as a whole (key '') must not reach the
-- function that tells the keys: `offset 0` keeps the planner from changing that order.

create or replace function evident._sql_events_view(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace view {name}
        with (security_invoker = on) as
        select
            k.key,
            e as event,
            e.id as position
        from evident.event_store as e
        {not_skipped}
        cross join lateral ({keys}) as k (key)
        where
            {is_folded}
            and not exists (
                select
                from evident.projection_skip as s
                where
                    s.projection = {projection}
                    and s.position = e.id
                    and s.key = k.key::text
            );

        comment on view {name} is
        'Made by create_projection: the events of the projection, once for each
key.';
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'events_of_%s'),
            'projection', format('%L', (p_projection).name),
            'is_folded', evident._sql_is_folded(p_projection, 'e'),
            'keys', evident._sql_keys_of(
                p_projection,
                case when (p_projection).keys is null then 'e' else 'l.event' end
            ),
            'not_skipped', case
                when (p_projection).keys is null then ''
                else format(
                    $sql$
                    cross join lateral (
                        select e as event
                        where not exists (
                            select
                            from evident.projection_skip as s
                            where
                                s.projection = %L
                                and s.position = e.id
                                and s.key = ''
                        )
                        offset 0
                    ) as l
                    $sql$,
                    (p_projection).name
                )
            end
        )
    );
end;

comment on function evident._sql_events_view(evident.projection) is
'SQL that creates or replaces the view of the events that a projection folds.';

revoke all on function evident._sql_events_view(evident.projection) from public;
