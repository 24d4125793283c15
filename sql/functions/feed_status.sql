-- evident.feed_status: how far the feed is, and who holds it back.
--
-- One row. The holder is the session, or the prepared transaction, whose
-- announcement is the smallest; it is looked up after the position and may be gone
-- by then. holder_started_at of other users' sessions needs pg_read_all_stats.
--
-- On a standby the position is the newest stamp, nobody on this server holds it back,
-- and the head is the newest event: the log has the sequence up to 32 ids ahead.

create or replace view evident.feed_status as
select
    p.head,
    p.safe_position,
    greatest(p.head - p.safe_position, 0) as lag,
    h.pid as holder_pid,
    coalesce(h.gid, h.application_name) as holder_name,
    h.started_at as holder_started_at,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('appends', 'feed')
    ) as blockers
from (
    select
        s.safe_position,
        coalesce(
            case
                when pg_is_in_recovery()
                    then (select max(e.id) from evident.event_store as e)
                else pg_sequence_last_value('evident.event_store_id_seq'::regclass)
            end,
            0
        ) as head
    from evident.safe_position() as s (safe_position)
) as p
left join lateral (
    select
        l.pid,
        x.gid,
        a.application_name,
        coalesce(x.prepared, a.xact_start) as started_at
    from evident.announcement as l
    left join pg_stat_activity as a on l.pid = a.pid
    left join lateral (
        select
            r.gid,
            r.prepared
        from pg_locks as t
        inner join pg_prepared_xacts as r on t.transactionid = r.transaction
        where
            t.locktype = 'transactionid'
            and t.pid is null
            and t.virtualtransaction = l.virtualtransaction
        order by r.prepared
        limit 1
    ) as x on l.pid is null
    where l.position <= p.safe_position
    order by
        l.position,
        started_at
    limit 1
) as h on p.head > p.safe_position and not pg_is_in_recovery();

comment on view evident.feed_status is
'One row: head (last id drawn), safe_position (complete up to here), lag (ids
between them), and who holds the feed back: holder_pid, holder_name
(application or prepared transaction), holder_started_at; and how many blockers there
are of appends and feed, see evident.blocker. On a standby: the newest
event, the newest stamp, and no holder. Readable at READ COMMITTED.';

revoke all on table evident.feed_status from public;
grant select on table evident.feed_status to
evident_reader, evident_operator, evident_auditor, evident_monitor;
