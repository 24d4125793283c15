-- evident.projection_status: how each projection does.
--
-- How far behind is counted in ids, which have gaps: it is the most that can be
-- missing. Types are not looked at: the checkpoint passes other events by. The clock
-- is read here itself, since a view runs functions with its reader's rights.
--
-- An error's message may hold what an event says: it is for those who may read events.

create or replace view evident.projection_status as
select
    p.name,
    p.mode,
    p.state,
    p.reason,
    (p.definition is distinct from evident.projection_definition(p.name)) as is_stale,
    l.position,
    greatest(s.safe_position - l.position, 0) as events_behind,
    greatest(s.head - l.position, 0) as events_behind_head,
    coalesce(
        round(date_part('epoch', clock_timestamp() - o.occurred_at)::numeric, 3), 0
    ) as seconds_behind,
    coalesce(f.failures, 0) as failures,
    f.last_error,
    r.slices as rebuild_slices,
    r.slices_done as rebuild_slices_done,
    r.rebuilt_at,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('projections', 'appends', 'feed')
    ) as blockers
from evident.projection as p
cross join evident.feed_status as s
inner join lateral (
    values (
        case
            when p.mode = 'sync' and p.state = 'running' then s.head
            else p.position
        end
    )
) as l (position) on true
left join lateral (
    select e.occurred_at
    from evident.event_store as e
    where e.id > l.position and e.id <= s.safe_position
    order by e.id
    limit 1
) as o on true
left join lateral (
    select
        count(*) as failures,
        (
            array_agg(
                concat_ws(
                    ' ',
                    f.code,
                    case
                        when has_table_privilege('evident.event_store', 'select')
                            then f.message
                    end
                )
                order by f.failed_at desc
            )
        )[1] as last_error
    from evident.projection_failure as f
    where f.projection = p.name
) as f on true
left join lateral (
    select
        b.slices,
        count(*) as slices_done,
        max(b.rebuilt_at) as rebuilt_at
    from evident.projection_rebuild as b
    where b.projection = p.name
    group by b.slices
) as r on true;

comment on view evident.projection_status is
'One row for each projection: mode; state (running, catching_up, paused); reason, where
the store paused it; is_stale (its
fold, event types or columns changed since its rows were folded); position (the
checkpoint; the head where appends keep it); events_behind the safe position and the
head, at most, counted in ids; seconds_behind, the age of the oldest event that
waits; failures (parked keys) and the last_error; how many of the slices of the
newest rebuild are done, and when; and how many blockers there are, see
evident.blocker. Readable at READ COMMITTED.';

revoke all on table evident.projection_status from public;
grant select on table evident.projection_status to
evident_reader, evident_operator, evident_auditor, evident_monitor;
