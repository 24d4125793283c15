-- evident.projection_status: how each projection does.
--
-- How far behind is told against the newest event that was committed before the
-- statement, held back by the feed or not: in events that exist, of all types, since
-- the checkpoint passes other types by, and in the age of the oldest. Appends keep a
-- synchronous projection that is running, which is then never behind. The clock is
-- read here itself, since a view runs functions with its reader's rights.
--
-- An error's message may hold what an event says: it is for those who may read events.

create or replace view evident.projection_status as
select
    p.name,
    p.mode,
    p.is_invariant,
    p.state,
    coalesce(
        p.reason,
        (
            select
                format(
                    'the keys of event %s cannot be told, so everything waits:'
                    ' retry_failure or skip_failure with the key ''''', u.position
                )
            from evident.projection_failure as u
            where u.projection = p.name and u.key = ''
        ),
        case
            when p.is_invariant and p.state <> 'running'
                then 'its rule is not enforced until it is running'
        end
    ) as reason,
    (p.definition is distinct from evident.projection_definition(p.name)) as is_stale,
    l.position,
    evident._events_after(n.ids, l.position) as events_behind,
    round(
        greatest(
            extract(epoch from clock_timestamp()) - extract(epoch from o.occurred_at), 0
        ),
        3
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
    ) as blockers,
    n.is_snapshot
from evident.projection as p
cross join evident._newest as n
inner join lateral (
    values (
        case
            when p.mode = 'sync' and p.state = 'running' then n.head
            else p.position
        end
    )
) as l (position) on true
left join lateral (
    select e.occurred_at
    from evident.event_store as e
    where e.id > l.position
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
'One row for each projection: mode; is_invariant (its fold enforces a rule); state
(running, catching_up, paused); reason, why it is paused or cannot go on; is_stale (its
fold, event types or columns changed since its rows were folded); position (the
checkpoint; the newest event where appends keep it); events_behind, committed ones
after the position, also those that the feed holds back (above 10,000 an estimate);
seconds_behind, the age of the oldest of them;
failures (parked keys) and the last_error; how many of the slices of the newest rebuild
are done, and when; and how many blockers there are, see evident.blocker. Where
is_snapshot (REPEATABLE READ, SERIALIZABLE) all is as the snapshot knows it.';

revoke all on table evident.projection_status from public;
grant select on table evident.projection_status to
evident_reader, evident_operator, evident_auditor, evident_monitor;
