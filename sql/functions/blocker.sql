-- evident.blocker: who stands in the way of appends, feed, projections, seal.
--
-- PostgreSQL lets any login take any advisory lock, also those of this store (keys
-- with 17750 to 17759 in the upper 16 bits). What the store itself takes is told by
-- its shape: announcements are shared and their holder writes events, or waits to; the
-- others' holders have looked at tables of the store, which a login without rights
-- cannot. Whoever holds one that is shaped otherwise is here, one row for each kind of
-- lock, and so is who locks a table of the store or a read model against writers, who
-- has the row that sealers take, and who else keeps a session waiting that is at work
-- on the store: a row of a read model that an application has locked.
--
-- A query that is written so that a restored dump gives it back letter for letter
-- (constants have names, no "between" beside "and"), since guard_status compares.
--
-- A session that does its work on the store is not listed, however long it takes;
-- feed_status names who holds the feed back. started_at is when its transaction
-- began, and for other users' sessions needs pg_read_all_stats. Read at a moment: the
-- next look may show others.

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

waiting as materialized (
    select
        s.pid,
        b.pid as by
    from session as s
    cross join lateral unnest(pg_blocking_pids(s.pid)) as b (pid)
    where s.waits
),

found as (
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
    inner join session as s
        on
            t.pid is not distinct from s.pid
            and t.virtualtransaction = s.virtualtransaction
    where
        t.space >= 17750
        and t.space <= 17759
        and not coalesce(
            case
                when t.space in (17750, 17757)
                    then t.mode = 'ShareLock' and (s.writes or s.appends)
                when t.space between 17751 and 17754 then s.looks or not t.granted
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

    union all

    -- In the way by a row, a transaction, or a lock that is none of ours.
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
                            and q.locktype = 'transactionid'
                            and q.transactionid = t.transactionid
                    )
                )
            )
    left join session as s
        on
            t.pid is not distinct from s.pid
            and t.virtualtransaction = s.virtualtransaction
    where
        not coalesce(s.works or s.writes or s.appends, false)
        and not exists (
            select
            from taken as a
            left join listed as r on a.locktype = 'relation' and a.relation = r.oid
            where
                a.pid = t.pid
                and (
                    a.space between 17750 and 17759
                    or (
                        r.oid is not null
                        and a.mode in (
                            'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                            'AccessExclusiveLock'
                        )
                    )
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
'Who stands in the way and is not at work on the store: pid (null: a prepared
transaction), login, application, started_at (its transaction; needs pg_read_all_stats),
stops (appends, feed, projections, consumers, seal; nothing: a lock that the store
reserves and does not take), lock, is_held (or waited for), how many locks of this kind,
how many sessions are waiting for it, and their waiting_pids.
pg_terminate_backend(pid) ends it.';

revoke all on table evident.blocker from public;
grant select on table evident.blocker to
evident_operator, evident_auditor, evident_monitor;
