-- evident.blocker: who stands in the way of appends, feed, projections, seal.
--
-- PostgreSQL lets any login take any advisory lock, also those of this store (keys
-- with 17750 to 17759 in the upper 16 bits). What the store itself takes is told by
-- its shape: announcements are shared and their holder writes events, or waits to; the
-- others' holders have looked at tables of the store. PREPARE gives any login that
-- shape, so the login must also be one that may do such work, or its transaction have
-- an id and be younger than a second. Whoever holds one that is shaped otherwise is
-- here, one row for each kind of lock, and so is who locks a table of the store or a
-- read model against writers, who has the row that sealers take, and who else keeps a
-- session waiting that is at work on the store: a row of a read model that an
-- application has locked.
--
-- A query that is written so that a restored dump gives it back letter for letter
-- (constants have names, no "between" beside "and"), since guard_status compares.
--
-- A session that does its work on the store is listed only where another one waits for
-- it and its transaction is older than a second, or, where that cannot be seen, the
-- other one has waited for a second. feed_status names who holds the feed back.
-- started_at is when its transaction began, and for other users' sessions needs
-- pg_read_all_stats. Read at a moment: the next look may show others.

create or replace view evident.blocker as
with taken as materialized (
    select
        l.*,
        case when l.locktype = 'advisory' then l.classid::bigint >> 16 end as space
    from pg_locks as l
    where
        l.locktype in ('transactionid', 'virtualxid')
        or (
            l.database = (
                select d.oid
                from pg_database as d
                where d.datname = current_database()
            )
            and (l.locktype <> 'advisory' or l.objsubid = 1)
        )
),

-- Tables of the store and read models, and what stops when one is locked.
listed as materialized (
    select
        c.oid,
        c.oid::regclass::text as name,
        c.relname = 'event_store' as is_store,
        case
            when c.relname = 'event_store' then 'appends'
            when c.relname = 'feed_stamp' then 'feed'
            when c.relname like 'consumer%' then 'consumers'
            when c.relname like 'projection%' then 'projections'
            when c.relname = 'baseline' then 'projections'
            else 'seal'
        end as stops
    from pg_class as c
    where c.relnamespace = 'evident'::regnamespace and c.relkind in ('r', 'p')

    union all

    select
        c.oid,
        p.name,
        false as is_store,
        'projections' as stops
    from evident.projection as p
    cross join pg_class as c
    inner join pg_namespace as n
        on c.relnamespace = n.oid and p.name = format('%I.%I', n.nspname, c.relname)
),

-- What each session has to do with the store.
session as materialized (
    select
        t.pid,
        t.virtualtransaction,
        bool_or(
            coalesce(r.is_store, false) and t.mode = 'RowExclusiveLock'
        ) as writes,
        bool_or(r.oid is not null) as looks,
        bool_or(coalesce(t.space = 17751, false)) as appends,
        bool_or(coalesce(t.space = 17751, false) and not t.granted) as queues,
        bool_or(
            t.locktype = 'transactionid' and t.mode = 'ExclusiveLock' and t.granted
        ) as has_id,
        min(t.waitstart) as waits_since,
        bool_or(
            coalesce(t.space between 17751 and 17754, false)
            and t.granted
            and t.mode = 'ExclusiveLock'
        ) as works,
        bool_or(not t.granted) as waits
    from taken as t
    left join listed as r on t.locktype = 'relation' and t.relation = r.oid
    group by t.pid, t.virtualtransaction
    having bool_or(t.space between 17750 and 17759 or r.oid is not null)
),

-- Who may do work that takes these locks, also by SET ROLE.
worker as materialized (
    select distinct g.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as g
    where
        p.pronamespace = 'evident'::regnamespace
        and p.proname in (
            'append_event', 'append_events', 'append_batch', 'run_projection', 'seal',
            'create_projection', 'create_consumer', 'claim_events'
        )
),

-- is_old is null where the reader may not know.
actor as materialized (
    select
        a.pid,
        null::text as virtualtransaction,
        exists(
            select
            from worker as w
            where w.grantee = 0 or pg_has_role(a.usesysid, w.grantee, 'MEMBER')
        ) as may_work,
        case
            when a.state <> 'disabled'
                then coalesce(
                    a.xact_start < clock_timestamp() - interval '1 second', false
                )
        end as is_old
    from pg_stat_activity as a

    union all

    select
        null::integer as pid,
        t.virtualtransaction,
        exists(
            select
            from worker as w
            where w.grantee = 0 or pg_has_role(r.owner, w.grantee, 'MEMBER')
        ) as may_work,
        r.prepared < clock_timestamp() - interval '1 second' as is_old
    from taken as t
    inner join pg_prepared_xacts as r on t.transactionid = r.transaction
    where t.pid is null and t.locktype = 'transactionid'
),

-- In a transaction that has looked before, pg_stat_activity lacks new sessions: of
-- them nothing is known.
known as materialized (
    select
        s.*,
        a.is_old,
        a.may_work or (s.has_id and not a.is_old) as is_trusted
    from session as s
    left join actor as a
        on
            s.pid = a.pid
            or (s.pid is null and s.virtualtransaction = a.virtualtransaction)
),

waiting as materialized (
    select
        s.pid,
        s.waits_since,
        b.pid as by
    from session as s
    cross join lateral unnest(pg_blocking_pids(s.pid)) as b (pid)
    where s.waits
),

odd as (
    select
        t.pid,
        t.virtualtransaction,
        case
            when t.space in (17750, 17757) and t.mode = 'ShareLock' then 'feed'
            when t.space in (17750, 17751, 17757) then 'appends'
            when t.space between 17752 and 17754 then 'projections'
            else 'nothing'
        end as stops,
        format('advisory lock %s %s', t.space, t.mode) as lock,
        t.granted
    from taken as t
    inner join known as s
        on
            t.pid is not distinct from s.pid
            and t.virtualtransaction = s.virtualtransaction
    where
        t.space >= 17750
        and t.space <= 17759
        and not coalesce(
            case
                when t.space in (17750, 17757)
                    then
                        t.mode = 'ShareLock'
                        and (s.writes or s.appends)
                        and s.is_trusted
                        and (s.has_id or s.queues or not coalesce(s.is_old, false))
                when t.space between 17751 and 17754
                    then (s.looks and s.is_trusted) or not t.granted
            end,
            false
        )

    union all

    select
        t.pid,
        t.virtualtransaction,
        r.stops,
        format('%s %s', r.name, t.mode) as lock,
        t.granted
    from taken as t
    inner join listed as r on t.locktype = 'relation' and t.relation = r.oid
    inner join session as s
        on
            t.pid is not distinct from s.pid
            and t.virtualtransaction = s.virtualtransaction
    where
        t.mode in (
            'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
            'AccessExclusiveLock'
        )
        and not (s.works and s.looks)

    union all

    select
        t.pid,
        t.virtualtransaction,
        'seal' as stops,
        'evident.log_identity row' as lock,
        true as granted
    from (
        select i.xmax
        from evident.log_identity as i
        where i.incarnation = 1
    ) as i
    inner join taken as t
        on t.locktype = 'transactionid' and t.granted and i.xmax = t.transactionid
    where
        not exists (
            select
            from taken as o
            inner join listed as r on o.relation = r.oid and r.is_store
            where
                o.locktype = 'relation'
                and o.pid is not distinct from t.pid
                and o.virtualtransaction = t.virtualtransaction
        )
),

found as (
    select o.*
    from odd as o

    union all

    -- In the way by a row, a transaction, or a lock that is none of ours; or at work
    -- for long.
    select distinct
        t.pid,
        t.virtualtransaction,
        case when o.writes or o.appends then 'appends' else 'projections' end as stops,
        'row or transaction' as lock,
        true as granted
    from waiting as w
    inner join session as o on w.pid = o.pid
    -- A prepared transaction has no process.
    inner join taken as t
        on
            t.granted
            and (
                (w.by = t.pid and t.locktype = 'virtualxid')
                or (
                    w.by = 0
                    and t.pid is null
                    and t.locktype = 'transactionid'
                    and exists (
                        select
                        from taken as q
                        where
                            q.pid = w.pid
                            and not q.granted
                            and (
                                q.transactionid = t.transactionid
                                or exists (
                                    select
                                    from taken as h
                                    where
                                        h.granted
                                        and h.pid is null
                                        and h.virtualtransaction
                                        = t.virtualtransaction
                                        and h.classid = q.classid
                                        and h.objid = q.objid
                                )
                            )
                    )
                )
            )
    left join known as s
        on
            t.pid is not distinct from s.pid
            and t.virtualtransaction = s.virtualtransaction
    left join actor as a
        on
            t.pid = a.pid
            or (t.pid is null and t.virtualtransaction = a.virtualtransaction)
    where
        not exists (
            select
            from odd as d
            where
                d.pid is not distinct from t.pid
                and d.virtualtransaction = t.virtualtransaction
        )
        and (
            not coalesce(
                s.is_trusted and (s.works or s.writes or s.appends), false
            )
            or coalesce(
                a.is_old, w.waits_since < clock_timestamp() - interval '1 second'
            )
        )
)

select
    f.pid,
    coalesce(a.usename, x.owner)::text as login,
    coalesce(x.gid, a.application_name) as application,
    coalesce(x.prepared, a.xact_start, a.state_change, a.backend_start) as started_at,
    f.stops,
    f.lock,
    f.granted as is_held,
    f.locks,
    cardinality(w.pids) as waiting,
    w.pids as waiting_pids
from (
    select
        g.pid,
        g.virtualtransaction,
        g.stops,
        g.lock,
        g.granted,
        count(*) as locks
    from found as g
    group by g.pid, g.virtualtransaction, g.stops, g.lock, g.granted
) as f
left join pg_stat_activity as a on f.pid = a.pid
left join lateral (
    select
        r.gid,
        r.owner,
        r.prepared
    from taken as t
    inner join pg_prepared_xacts as r on t.transactionid = r.transaction
    where
        f.pid is null
        and t.pid is null
        and t.locktype = 'transactionid'
        and t.virtualtransaction = f.virtualtransaction
    order by r.prepared
    limit 1
) as x on true
inner join lateral (
    values (
        array(
            select distinct v.pid
            from waiting as v
            where v.by = coalesce(f.pid, 0)
            order by v.pid
        )
    )
) as w (pids) on true
where f.pid is distinct from pg_backend_pid();

comment on view evident.blocker is
'Who stands in the way: is not at work on the store, or has been for more than a second
while others wait for it. pid (null: a prepared transaction), login, application,
started_at (its transaction; needs pg_read_all_stats), stops (appends, feed,
projections, consumers, seal; nothing: a lock that the store reserves and does not
take), lock, is_held (or waited for), how many locks of this kind, how many sessions are
waiting for it, and their waiting_pids. pg_terminate_backend(pid) ends it.';

revoke all on table evident.blocker from public;
grant select on table evident.blocker to
evident_operator, evident_auditor, evident_monitor;
