-- evident.feed_status: how far the feed is, and who holds it back.
--
-- One row, whatever the isolation level and the state of the store: a view for people
-- never raises. The holder is the session, or the prepared transaction, whose
-- announcement is the smallest; it is looked up after the position and may be gone by
-- then. holder_started_at of other users' sessions needs pg_read_all_stats;
-- held_seconds needs no right: nothing above the position can be older than what holds
-- the feed there.
--
-- Events are counted by the snapshot of the statement, so none is missing that was
-- committed before it. In a transaction with one snapshot lag tells of the events that
-- it sees which are held back now, and safe_position is the newest stamp that it sees:
-- the position of this moment may have events below it that the snapshot lacks.
--
-- On a standby the position is the newest stamp, nobody on this server holds it back.

create or replace view evident.feed_status as
select
    n.head,
    case
        when n.is_snapshot
            then coalesce((select s.position from evident.feed_stamp as s), 0)
        else p.position
    end as safe_position,
    evident._events_after(n.ids, p.position) as lag,
    h.pid as holder_pid,
    coalesce(h.gid, h.application_name) as holder_name,
    h.started_at as holder_started_at,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('appends', 'feed')
    ) as blockers,
    h.login as holder_login,
    round(
        greatest(
            extract(epoch from clock_timestamp()) - extract(epoch from o.occurred_at), 0
        ),
        3
    ) as held_seconds,
    nullif(
        concat_ws(
            '; ',
            case
                when n.head > q.last
                    then
                        'the sequence of the ids is behind its rows: '
                        'as evident_owner, select evident.repair_sequences()'
            end,
            case
                when not exists (select from evident.feed_stamp)
                    then
                        'feed_stamp has no row: '
                        'as evident_owner, select evident.initialize_log()'
            end
        ),
        ''
    ) as problem,
    n.is_snapshot
from evident._newest as n
cross join evident._feed_position() as p (position)
inner join lateral (
    values (
        coalesce(pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0)
    )
) as q (last) on true
left join lateral (
    select e.occurred_at
    from evident.event_store as e
    where e.id > p.position
    order by e.id
    limit 1
) as o on true
left join lateral (
    select
        l.pid,
        x.gid,
        a.application_name,
        coalesce(x.prepared, a.xact_start) as started_at,
        coalesce(x.owner, a.usename)::text as login
    from evident.announcement as l
    left join pg_stat_activity as a on l.pid = a.pid
    left join lateral (
        select
            r.gid,
            r.owner,
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
    where l.position <= p.position
    order by
        l.position,
        started_at
    limit 1
) as h on greatest(q.last, n.head) > p.position and not pg_is_in_recovery();

comment on view evident.feed_status is
'One row: head (the newest event), safe_position (complete up to here), lag (events
after it: committed, and held back; above 10,000 an estimate), held_seconds (since when
the oldest of them waits), and who holds the feed back: holder_pid,
holder_login, holder_name (application or prepared transaction), holder_started_at; how
many blockers there are of appends and feed, see evident.blocker; and the problem of a
store that was restored in part. On a standby safe_position is the newest stamp, and
there is no holder. Where is_snapshot (REPEATABLE READ, SERIALIZABLE) events are those
of the snapshot, and safe_position is the stamp that it sees.';

revoke all on table evident.feed_status from public;
grant select on table evident.feed_status to
evident_reader, evident_operator, evident_auditor, evident_monitor;
