-- depends: 0007_projections
-- The ledger: a Merkle tree over all events, sealed in the background.
--
-- Locks: SHARE ROW EXCLUSIVE on event_store, for its guards are made anew with those
-- of the ledger: appends wait. Rollback is refused with PT403 once anything is sealed:
-- tree heads and the log's identity are evidence that cannot be made again.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

create table evident.ledger_tile (
    index bigint not null,
    first_event_id bigint not null,
    last_event_id bigint not null,
    level integer not null,
    root_hash bytea not null,
    hashes bytea not null,
    constraint ledger_tile_level_index_pkey
    primary key (level, index) with (fillfactor = 100),
    constraint ledger_tile_level_check check (level between 0 and 7),
    constraint ledger_tile_index_check check (index >= 0),
    constraint ledger_tile_root_hash_check check (octet_length(root_hash) = 32),
    constraint ledger_tile_hashes_check check (octet_length(hashes) = 8192)
)
-- Rows never change: freeze them at the first vacuum.
with (autovacuum_freeze_min_age = 0);

-- Hashes do not compress.
alter table evident.ledger_tile alter column hashes set storage external;

comment on table evident.ledger_tile is
'Full tiles of the Merkle tree (https://c2sp.org/tlog-tiles), as seal stores them.
Append-only, guarded like the events.';
comment on column evident.ledger_tile.level is
'0: hashes are leaf hashes; n: roots of 256 tiles of level n - 1.';
comment on column evident.ledger_tile.index is
'Place within the level, from 0: the first hash is entry 256 * index.';
comment on column evident.ledger_tile.hashes is
'256 hashes of 32 bytes.';
comment on column evident.ledger_tile.root_hash is
'The root of the subtree over the hashes: one hash of a tile one level up.';
comment on column evident.ledger_tile.first_event_id is
'The id of the first event under the tile.';
comment on column evident.ledger_tile.last_event_id is
'The id of the last event under the tile.';

create table evident.tree_head (
    number bigint not null
    constraint tree_head_number_pkey primary key,
    tree_size bigint not null,
    root_hash bytea not null,
    last_event_id bigint not null,
    sealed_at timestamptz not null default evident._now(),
    constraint tree_head_number_check check (number > 0),
    constraint tree_head_tree_size_check check (tree_size >= 0),
    constraint tree_head_root_hash_check check (octet_length(root_hash) = 32)
)
with (autovacuum_freeze_min_age = 0);

-- verify_ledger looks up the heads of a slice of leaves.
create index tree_head_tree_size_idx on evident.tree_head (tree_size);

comment on table evident.tree_head is
'One row for each seal: how large the tree was, and its root. Append-only, guarded like
the events.';
comment on column evident.tree_head.number is
'1, 2, 3, ... without a gap: one that is gone is missed.';
comment on column evident.tree_head.tree_size is
'The number of leaves.';
comment on column evident.tree_head.root_hash is
'The RFC 6962 root over the leaves.';
comment on column evident.tree_head.last_event_id is
'The id of the last event that is a leaf; 0 for none.';
comment on column evident.tree_head.sealed_at is
'The server''s clock at the seal. At least one row a day while seal is called.';

insert into evident.tree_head (number, tree_size, root_hash, last_event_id)
values (1, 0, sha256(''), 0);

create table evident.log_identity (
    incarnation integer not null
    constraint log_identity_incarnation_pkey primary key,
    log_id uuid not null,
    name text not null,
    reason text not null,
    tree_size bigint not null,
    begun_at timestamptz not null default evident._now(),
    begun_by text not null default session_user,
    constraint log_identity_incarnation_check check (incarnation > 0),
    constraint log_identity_reason_check
    check (char_length(reason) between 1 and 1000)
);

comment on table evident.log_identity is
'Which log this is: one row for each incarnation, the newest counts; see
begin_incarnation. Append-only, guarded like the events.';
comment on column evident.log_identity.log_id is
'The log''s uuid.';
comment on column evident.log_identity.name is
'First part of the origin in checkpoints, such as example.com/orders.';
comment on column evident.log_identity.reason is
'Why the incarnation was begun.';
comment on column evident.log_identity.tree_size is
'How many leaves the tree had then.';

insert into evident.log_identity (incarnation, log_id, name, reason, tree_size)
values (1, evident._uuid_v7(), 'evident', 'installed', 0);

create table evident.ledger_state (
    is_only boolean not null default true
    constraint ledger_state_is_only_pkey primary key,
    head_number bigint not null,
    attestation_sqlstate text,
    attestation_error text,
    attestation_failed_at timestamptz,
    constraint ledger_state_is_only_check check (is_only)
)
with (fillfactor = 50);

comment on table evident.ledger_state is
'One row, which the sealer keeps: what it has written last, so that a tree head that
is missing is missed. It changes, and is no evidence.';
comment on column evident.ledger_state.is_only is
'True: there is one row.';
comment on column evident.ledger_state.head_number is
'The number of the newest tree head.';
comment on column evident.ledger_state.attestation_sqlstate is
'Why the last seal could not store an event of the store''s own; null: it could.';
comment on column evident.ledger_state.attestation_error is
'The message of that error, its first 1,000 characters.';
comment on column evident.ledger_state.attestation_failed_at is
'Since when it has failed.';

insert into evident.ledger_state (head_number) values (1);

create table evident.ledger_publication (
    number bigint generated always as identity
    constraint ledger_publication_number_pkey primary key,
    incarnation integer not null,
    tree_size bigint not null,
    checkpoint text not null,
    published_at timestamptz not null default evident._now(),
    published_by text not null default session_user,
    constraint ledger_publication_checkpoint_check
    check (octet_length(checkpoint) <= 65536)
);

comment on table evident.ledger_publication is
'Checkpoints that were published, for the status and for exports; no evidence: that is
the copies outside. Append-only, guarded like the events.';
comment on column evident.ledger_publication.checkpoint is
'The signed note: origin, tree size, base64 root, an empty line, signatures.';

grant select on table
evident.ledger_tile, evident.tree_head, evident.log_identity, evident.ledger_state,
evident.ledger_publication
to evident_operator, evident_auditor;

-- [begin sql/functions/core/blocker.sql]
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
-- [end sql/functions/core/blocker.sql]
-- [begin sql/functions/feed/_newest.sql]
-- evident._newest: the newest 10,000 events' ids, to count what is behind with.
--
-- One row. How many events follow a position is then a search in an array
-- (_events_after), for any number of projections, partitions and tiles, at the cost
-- of one walk over the end of an index, whether 10 events are behind or 10,000,000.
--
-- By the snapshot of the statement that reads it: all that was committed before, held
-- back by the feed or not. Its readers need no right to the events. Of two sources, as
-- announcement is.

create or replace view evident._newest as
with newest as materialized (
    select e.id
    from evident.event_store as e
    order by e.id desc
    limit 10000
)

select
    i.head,
    i.ids,
    s.is_snapshot
from (
    select
        coalesce(max(n.id), 0) as head,
        coalesce(array_agg(n.id order by n.id), '{}') as ids
    from newest as n
) as i
cross join (
    values (
        current_setting('transaction_isolation') in ('repeatable read', 'serializable')
    )
) as s (is_snapshot);

comment on view evident._newest is
'One row: the id of the newest event, those of the newest 10,000, and whether the
statement shares its snapshot with earlier ones.';
-- [end sql/functions/feed/_newest.sql]
-- [begin sql/functions/feed/_events_after.sql]
-- evident._events_after: how many events follow a position, from the newest ids.
--
-- Exact while the position is among p_ids, the newest ids in ascending order
-- (_newest), or all events are. Below them the events before are estimated: as many
-- for each id as among the newest, since ids have gaps.

create or replace function evident._events_after(p_ids bigint[], p_position bigint)
returns bigint
language sql
immutable
parallel safe
begin atomic
    select
        cardinality(p_ids) - width_bucket(p_position, p_ids)
        + case
            when cardinality(p_ids) >= 10000 and p_position < p_ids[1] - 1
                then ceil(
                    (p_ids[1] - 1 - p_position)::numeric * cardinality(p_ids)
                    / (p_ids[cardinality(p_ids)] - p_ids[1] + 1)
                )::bigint
            else 0
        end;
end;

comment on function evident._events_after(bigint[], bigint) is
'How many events follow p_position: exact up to 10,000, above that an estimate.';

revoke all on function evident._events_after(bigint[], bigint) from public;
grant execute on function evident._events_after(bigint[], bigint) to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/feed/_events_after.sql]
-- [begin sql/functions/feed/feed_status.sql]
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
-- [end sql/functions/feed/feed_status.sql]
-- [begin sql/functions/consumers/consumer_status.sql]
-- evident.consumer_status: how far each consumer is, and who is at work.
--
-- One row for each partition. Lag counts the events that were committed before the
-- statement, held back by the feed or not, also those of other partitions and types:
-- claim_events passes them by. The clock is read here itself, since a view runs
-- functions with its reader's rights.

create or replace view evident.consumer_status as
select
    p.consumer,
    p.partition,
    p.position,
    evident._events_after(n.ids, p.position) as lag,
    p.worker,
    p.epoch,
    p.lease_expires_at,
    coalesce(p.lease_expires_at > clock_timestamp(), false) as is_leased,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('consumers', 'feed')
    ) as blockers,
    round(
        greatest(
            extract(epoch from clock_timestamp()) - extract(epoch from o.occurred_at), 0
        ),
        3
    ) as seconds_behind,
    n.is_snapshot,
    case when p.attempted_id > p.position then p.attempts else 0 end as attempts,
    (
        select count(*)
        from evident.consumer_parked as w
        where
            w.consumer = p.consumer
            and w.partition = p.partition
            and w.parked_version is not null
    ) as parked
from evident.consumer_partition as p
cross join evident._newest as n
left join lateral (
    select e.occurred_at
    from evident.event_store as e
    where e.id > p.position
    order by e.id
    limit 1
) as o on true;

comment on view evident.consumer_status is
'One row for each partition of each consumer: position (confirmed up to here), lag
(committed events after it, also those of other partitions and types and those that the
feed holds back; above 10,000 an estimate), seconds_behind (the age of the oldest of
them), and the newest claim that is not confirmed: worker, epoch, lease_expires_at,
is_leased; and how many blockers there are of consumers and feed, see evident.blocker;
attempts, how many claims in a row began with the event that is first behind position;
parked, how many aggregates wait for retry_parked or skip_parked, see
evident.consumer_parked.
Where is_snapshot (REPEATABLE READ, SERIALIZABLE) all is as the snapshot knows it.';

revoke all on table evident.consumer_status from public;
grant select on table evident.consumer_status to
evident_reader, evident_operator, evident_auditor, evident_consumer, evident_monitor;
-- [end sql/functions/consumers/consumer_status.sql]
-- [begin sql/functions/projections/projection_status.sql]
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
-- [end sql/functions/projections/projection_status.sql]
-- [begin sql/functions/guards/_refuse_change.sql]
-- evident._refuse_change: the guard of append-only tables.
--
-- Raises for UPDATE, DELETE and TRUNCATE. The statement trigger refuses the
-- attempt itself, rows or none. The row trigger is for changes that arrive by
-- logical replication, whose worker fires no statement triggers. Both are
-- `enable always`: the default is silent under session_replication_role =
-- replica.
--
-- Errors: PT403, always

create or replace function evident._refuse_change()
returns trigger
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT403',
        message = format(
            '%s of %s.%s refused: history is immutable',
            tg_op, tg_table_schema, tg_table_name
        ),
        detail = jsonb_build_object(
            'table', tg_table_schema || '.' || tg_table_name,
            'operation', tg_op
        )::text,
        hint = case tg_table_name
            when 'event_store'
                then 'append an event that corrects or compensates the earlier one'
            when 'baseline'
                then 'record the catalog as it is: evident._record_baseline()'
            else 'what is sealed or published stays as it is'
        end;
end;
$function$;

comment on function evident._refuse_change() is
'Trigger: raises PT403 with the detail {"table", "operation"}.';

revoke all on function evident._refuse_change() from public;

create or replace trigger event_store_history
before update or delete or truncate on evident.event_store
for each statement execute function evident._refuse_change();

alter table evident.event_store enable always trigger event_store_history;

create or replace trigger event_store_history_rows
before update or delete on evident.event_store
for each row execute function evident._refuse_change();

alter table evident.event_store enable always trigger event_store_history_rows;

create or replace trigger baseline_history
before update or delete or truncate on evident.baseline
for each statement execute function evident._refuse_change();

alter table evident.baseline enable always trigger baseline_history;

create or replace trigger baseline_history_rows
before update or delete on evident.baseline
for each row execute function evident._refuse_change();

alter table evident.baseline enable always trigger baseline_history_rows;

create or replace trigger ledger_tile_history
before update or delete or truncate on evident.ledger_tile
for each statement execute function evident._refuse_change();

alter table evident.ledger_tile enable always trigger ledger_tile_history;

create or replace trigger ledger_tile_history_rows
before update or delete on evident.ledger_tile
for each row execute function evident._refuse_change();

alter table evident.ledger_tile enable always trigger ledger_tile_history_rows;

create or replace trigger tree_head_history
before update or delete or truncate on evident.tree_head
for each statement execute function evident._refuse_change();

alter table evident.tree_head enable always trigger tree_head_history;

create or replace trigger tree_head_history_rows
before update or delete on evident.tree_head
for each row execute function evident._refuse_change();

alter table evident.tree_head enable always trigger tree_head_history_rows;

create or replace trigger log_identity_history
before update or delete or truncate on evident.log_identity
for each statement execute function evident._refuse_change();

alter table evident.log_identity enable always trigger log_identity_history;

create or replace trigger log_identity_history_rows
before update or delete on evident.log_identity
for each row execute function evident._refuse_change();

alter table evident.log_identity enable always trigger log_identity_history_rows;

create or replace trigger ledger_publication_history
before update or delete or truncate on evident.ledger_publication
for each statement execute function evident._refuse_change();

alter table evident.ledger_publication enable always trigger ledger_publication_history;

create or replace trigger ledger_publication_history_rows
before update or delete on evident.ledger_publication
for each row execute function evident._refuse_change();

alter table evident.ledger_publication
enable always trigger ledger_publication_history_rows;
-- [end sql/functions/guards/_refuse_change.sql]
-- [begin sql/functions/ledger/leaf_entry.sql]
-- evident.leaf_entry: the bytes of one event that its leaf in the ledger is made of.
--
-- Leaf format, version 1; docs/ledger-spec.md lists the fields. Only functions whose
-- result depends on nothing but the stored value: no text of a time stamp (TimeZone,
-- DateStyle), no textsend (client_encoding), no cast of text to bytea (backslashes).
-- Lengths are of the bytes that are hashed. Inlined into the query that calls it, and
-- the check of the encoding is done when that query is planned.
--
-- Errors: 0A000

create or replace function evident.leaf_entry(p_event evident.event_store)
returns bytea
language sql
stable
parallel safe
begin atomic
    select
        case
            when evident.require_utf8() then
                decode('65766964656e742e6576656e742e76310a', 'hex')
                || int8send((p_event).id)
                || uuid_send((p_event).event_id)
                || uuid_send((p_event).aggregate_id)
                || int4send((p_event).version)
                || timestamptz_send((p_event).occurred_at)
                || int4send(octet_length(convert_to((p_event).event_type, 'UTF8')))
                || convert_to((p_event).event_type, 'UTF8')
                || int4send(octet_length(convert_to((p_event).recorded_by, 'UTF8')))
                || convert_to((p_event).recorded_by, 'UTF8')
                || sha256(convert_to((p_event).payload::text, 'UTF8'))
                || sha256(convert_to((p_event).metadata::text, 'UTF8'))
                -- The commitment to private data; there is none in this version.
                || decode(repeat('00', 32), 'hex')
        end;
end;

comment on function evident.leaf_entry(evident.event_store) is
'The bytes of an event that are hashed into the ledger: the line evident.event.v1, id,
event_id, aggregate_id, version, occurred_at, event_type, recorded_by, the sha256 of
payload and of metadata as text, and 32 zero bytes. Errors: 0A000 in a database that is
not UTF8.';

revoke all on function evident.leaf_entry(evident.event_store) from public;
grant execute on function evident.leaf_entry(evident.event_store) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/ledger/leaf_entry.sql]
-- [begin sql/functions/ledger/leaf_hash.sql]
-- evident.leaf_hash: the hash of one event in the ledger.
--
-- RFC 6962, 2.1: sha256(0x00 || entry). Inlined into the query that calls it.
--
-- Errors: 0A000

create or replace function evident.leaf_hash(p_event evident.event_store)
returns bytea
language sql
stable
parallel safe
begin atomic
    select sha256(decode('00', 'hex') || evident.leaf_entry(p_event));
end;

comment on function evident.leaf_hash(evident.event_store) is
'The leaf hash of an event, 32 bytes: sha256(0x00 || leaf_entry), as in RFC 6962. A
client that keeps it has a receipt: what the ledger must hold for this event. Errors:
0A000 in a database that is not UTF8.';

revoke all on function evident.leaf_hash(evident.event_store) from public;
grant execute on function evident.leaf_hash(evident.event_store) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/ledger/leaf_hash.sql]
-- [begin sql/functions/ledger/_pair_hashes.sql]
-- evident._pair_hashes: one level of a Merkle tree from the level below.
--
-- RFC 6962, 2.1: a node is sha256(0x01 || left || right). Two neighbours lie side by
-- side in the string, so a node is the hash of one slice of it. An odd last hash goes
-- up as it is, which gives the tree of the RFC.

create or replace function evident._pair_hashes(p_hashes bytea)
returns bytea
language sql
immutable
parallel safe
begin atomic
    select
        coalesce(
            string_agg(
                sha256(decode('01', 'hex') || substr(p_hashes, i.pair * 64 + 1, 64)),
                ''::bytea
                order by i.pair
            ),
            ''
        )
        || substr(p_hashes, octet_length(p_hashes) / 64 * 64 + 1)
    from generate_series(0, octet_length(p_hashes) / 64 - 1) as i (pair);
end;

comment on function evident._pair_hashes(bytea) is
'The hashes of one tree level, from those of the level below, 32 bytes each.';

revoke all on function evident._pair_hashes(bytea) from public;
-- [end sql/functions/ledger/_pair_hashes.sql]
-- [begin sql/functions/ledger/_tree_root.sql]
-- evident._tree_root: the root of the tree over some hashes of one level.

create or replace function evident._tree_root(p_hashes bytea)
returns bytea
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
    with recursive node (hashes) as (
        select p_hashes

        union all

        select evident._pair_hashes(n.hashes)
        from node as n
        where octet_length(n.hashes) > 32
    )

    select n.hashes
    from node as n
    where octet_length(n.hashes) <= 32;
$function$;

comment on function evident._tree_root(bytea) is
'The root over hashes of one level, 32 bytes each, left to right; nothing for nothing.';

revoke all on function evident._tree_root(bytea) from public;
-- [end sql/functions/ledger/_tree_root.sql]
-- [begin sql/functions/ledger/_tree_head.sql]
-- evident._tree_head: the newest tree head.

create or replace function evident._tree_head()
returns evident.tree_head
language sql
stable
parallel safe
begin atomic
    select h
    from evident.tree_head as h
    order by h.number desc
    limit 1;
end;

comment on function evident._tree_head() is
'The newest tree head: how far the ledger is sealed.';

revoke all on function evident._tree_head() from public;
-- [end sql/functions/ledger/_tree_head.sql]
-- [begin sql/functions/ledger/_log_identity.sql]
-- evident._log_identity: which log this is, and in which incarnation.

create or replace function evident._log_identity()
returns evident.log_identity
language sql
stable
parallel safe
begin atomic
    select i
    from evident.log_identity as i
    order by i.incarnation desc
    limit 1;
end;

comment on function evident._log_identity() is
'The newest incarnation of the log.';

revoke all on function evident._log_identity() from public;
-- [end sql/functions/ledger/_log_identity.sql]
-- [begin sql/functions/ledger/_log_origin.sql]
-- evident._log_origin: the first line of this log's checkpoints.

create or replace function evident._log_origin()
returns text
language sql
stable
parallel safe
begin atomic
    select i.name || '/' || i.log_id::text || '/' || i.incarnation::text
    from evident.log_identity as i
    order by i.incarnation desc
    limit 1;
end;

comment on function evident._log_origin() is
'The origin of checkpoints: name, log uuid and incarnation, with slashes between.';

revoke all on function evident._log_origin() from public;
-- [end sql/functions/ledger/_log_origin.sql]
-- [begin sql/functions/ledger/_tile_end.sql]
-- evident._tile_end: the id of the last event in a full tile of leaves.
--
-- Before the first tile it is the smallest number there is, and not 0: an owner can
-- insert an event with an id below 1, which must not go unseen.

create or replace function evident._tile_end(p_index bigint)
returns bigint
language sql
stable
parallel safe
begin atomic
    select coalesce(
        (
            select t.last_event_id
            from evident.ledger_tile as t
            where t.level = 0 and t.index = p_index
        ),
        -9223372036854775808
    );
end;

comment on function evident._tile_end(bigint) is
'The id of the last event in tile 0/p_index; the smallest bigint for
the tile before the first.';

revoke all on function evident._tile_end(bigint) from public;
-- [end sql/functions/ledger/_tile_end.sql]
-- [begin sql/functions/ledger/_tile_hashes.sql]
-- evident._tile_hashes: the first hashes of one tile, whether it is full or not.
--
-- Full tiles are stored. The last tile of each level is made from what is below it:
-- events, or the roots of full tiles.

create or replace function evident._tile_hashes(
    p_level integer,
    p_index bigint,
    p_width integer
)
returns bytea
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_hashes bytea;
begin
    if p_width = 0 then
        return ''::bytea;
    end if;

    select substr(t.hashes, 1, p_width * 32)
    into v_hashes
    from evident.ledger_tile as t
    where t.level = p_level and t.index = p_index;

    if found then
        return v_hashes;
    end if;

    if p_level = 0 then
        select string_agg(l.hash, '' order by l.id)
        into v_hashes
        from (
            select
                e.id,
                evident.leaf_hash(e) as hash
            from evident.event_store as e
            where e.id > evident._tile_end(p_index - 1)
            order by e.id
            limit p_width
        ) as l;
    else
        select string_agg(t.root_hash, '' order by t.index)
        into v_hashes
        from evident.ledger_tile as t
        where
            t.level = p_level - 1
            and t.index >= p_index * 256
            and t.index < p_index * 256 + p_width;
    end if;
    return coalesce(v_hashes, '');
end;
$function$;

comment on function evident._tile_hashes(integer, bigint, integer) is
'The first p_width hashes of tile p_level/p_index, 32 bytes each; fewer when what they
are made of is missing.';

revoke all on function evident._tile_hashes(integer, bigint, integer) from public;
-- [end sql/functions/ledger/_tile_hashes.sql]
-- [begin sql/functions/ledger/_check_tree_size.sql]
-- evident._check_tree_size: refuse a tree size that the ledger has not reached.
--
-- Errors: PT400

create or replace function evident._check_tree_size(
    p_argument text,
    p_size bigint,
    p_least bigint
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_size bigint := coalesce((evident._tree_head()).tree_size, 0);
begin
    if p_size between p_least and v_size then
        return;
    end if;
    perform evident._refuse_argument(
        p_argument,
        case
            when p_size is null then 'is null'
            when p_size < p_least then format('%s is below %s', p_size, p_least)
            else format('%s is beyond the tree, which has %s leaves', p_size, v_size)
        end,
        format('give a tree size from %s to %s', p_least, v_size)
    );
end;
$function$;

comment on function evident._check_tree_size(text, bigint, bigint) is
'Raises PT400 unless the size is between p_least and the number of sealed leaves.';

revoke all on function evident._check_tree_size(text, bigint, bigint) from public;
-- [end sql/functions/ledger/_check_tree_size.sql]
-- [begin sql/functions/ledger/_root_over.sql]
-- evident._root_over: the root of a tree whose last leaves are given.
--
-- The last, partial tile of leaves is the caller's; everything to the left of it
-- comes from tiles. Level by level: the perfect entries of the last tile, and behind
-- them what the level below has left over.

create or replace function evident._root_over(p_size bigint, p_leaves bytea)
returns bytea
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_edge bytea := evident._tree_root(p_leaves);
    v_entries bigint := p_size;
begin
    if p_size = 0 then
        return sha256('');
    end if;
    for v_level in 1..8 loop
        v_entries := v_entries >> 8;
        exit when v_entries = 0;
        v_edge := evident._tree_root(
            evident._tile_hashes(v_level, v_entries >> 8, (v_entries & 255)::integer)
            || v_edge
        );
    end loop;
    return v_edge;
end;
$function$;

comment on function evident._root_over(bigint, bytea) is
'The root of the tree of p_size leaves, given the hashes of its last p_size % 256 leaves
and, from the ledger''s tiles, all before them.';

revoke all on function evident._root_over(bigint, bytea) from public;
-- [end sql/functions/ledger/_root_over.sql]
-- [begin sql/functions/ledger/root_hash.sql]
-- evident.root_hash: the root of the tree over the first sealed events.
--
-- RFC 6962, 2.1, the Merkle tree hash. Made from tiles and, in the last tile, from the
-- events as they are now: compare it with the tree head, or with a checkpoint.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.root_hash(p_size bigint)
returns bytea
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
begin
    perform evident.require_utf8();
    perform evident._require_log();
    perform evident._check_tree_size('p_size', p_size, 0);
    return evident._root_over(
        p_size, evident._tile_hashes(0, p_size >> 8, (p_size & 255)::integer)
    );
end;
$function$;

comment on function evident.root_hash(bigint) is
'The root hash, 32 bytes, of the RFC 6962 tree over the first p_size leaves, from 0 to
the size of the newest tree head. Made anew from tiles and events. Errors: PT400 beyond
the tree; 0A000 in a database that is not UTF8.';

revoke all on function evident.root_hash(bigint) from public;
grant execute on function evident.root_hash(bigint) to
evident_operator, evident_auditor;
-- [end sql/functions/ledger/root_hash.sql]
-- [begin sql/functions/ledger/_audit_path.sql]
-- evident._audit_path: one node of the tree, and its siblings up to the root.
--
-- The node is the one above the leaf at the given height, and must be the root of a
-- perfect subtree. Both proofs of RFC 6962 (2.1.1, 2.1.2) are such paths.
--
-- Tile level by tile level: v_right is the last tile, with what the level below has
-- left over behind its perfect entries; v_hashes is the tile on the way, halved eight
-- times. A node without a sibling goes up as it is, and adds nothing.

create or replace function evident._audit_path(
    p_leaf bigint,
    p_height integer,
    p_size bigint
)
returns bytea[]
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_path bytea[] := '{}'::bytea[];
    v_level integer := 0;
    v_last bigint;
    v_right bytea := ''::bytea;
    v_hashes bytea;
    v_place bigint;
begin
    -- Ends: a level more each time, and a size has 64 bits.
    while (p_size - 1) >> 8 * v_level > 0 loop
        v_last := (p_size >> 8 * v_level) >> 8;
        v_right := evident._tile_hashes(
            v_level, v_last, ((p_size >> 8 * v_level) & 255)::integer
        ) || evident._tree_root(v_right);

        if 8 * (v_level + 1) > p_height then
            v_place := p_leaf >> 8 * v_level;
            v_hashes := case
                when v_place >> 8 = v_last then v_right
                else evident._tile_hashes(v_level, v_place >> 8, 256)
            end;
            v_place := v_place & 255;
            for v_height in 8 * v_level .. 8 * v_level + 7 loop
                if v_height = p_height then
                    v_path := v_path || substr(v_hashes, v_place::integer * 32 + 1, 32);
                end if;
                exit when octet_length(v_hashes) <= 32;
                if
                    v_height >= p_height
                    and (v_place # 1) < octet_length(v_hashes) / 32
                then
                    v_path := v_path
                        || substr(v_hashes, (v_place # 1)::integer * 32 + 1, 32);
                end if;
                v_hashes := evident._pair_hashes(v_hashes);
                v_place := v_place >> 1;
            end loop;
        end if;
        v_level := v_level + 1;
    end loop;
    return v_path;
end;
$function$;

comment on function evident._audit_path(bigint, integer, bigint) is
'The node at p_height above leaf p_leaf in the tree of p_size leaves, then the siblings
on the way to the root.';

revoke all on function evident._audit_path(bigint, integer, bigint) from public;
-- [end sql/functions/ledger/_audit_path.sql]
-- [begin sql/functions/ledger/_leaf_index.sql]
-- evident._leaf_index: the place in the ledger of the event with an id.
--
-- Ids have gaps, leaf indexes have none. Full tiles know their last id: halving finds
-- the tile in a few look-ups by key, which spares an index on it.

create or replace function evident._leaf_index(p_id bigint, p_size bigint)
returns bigint
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_low bigint := 0;
    v_high bigint := p_size >> 8;
    v_middle bigint;
begin
    -- Ends: the interval gets smaller each time, whatever the tiles say.
    while v_low < v_high loop
        v_middle := (v_low + v_high) / 2;
        if evident._tile_end(v_middle) < p_id then
            v_low := v_middle + 1;
        else
            v_high := v_middle;
        end if;
    end loop;
    return v_low * 256 + (
        select count(*)
        from evident.event_store as e
        where e.id > evident._tile_end(v_low - 1) and e.id < p_id
    );
end;
$function$;

comment on function evident._leaf_index(bigint, bigint) is
'The leaf index, from 0, of the sealed event with id p_id, in a tree of p_size leaves.';

revoke all on function evident._leaf_index(bigint, bigint) from public;
-- [end sql/functions/ledger/_leaf_index.sql]
-- [begin sql/functions/ledger/inclusion_proof.sql]
-- evident.inclusion_proof: what proves that an event is in the tree.
--
-- RFC 6962, 2.1.1, the audit path. Whoever has the event, the proof and a signed
-- checkpoint of that size can check it without this database.
--
-- The quotes are for sqlfluff, which takes hashes for a keyword.
--
-- Errors: PT400, PT404; 0A000 in a database that is not UTF8

create or replace function evident.inclusion_proof(
    p_event_id uuid,
    p_size bigint default null
)
returns table (leaf_index bigint, tree_size bigint, "hashes" bytea[])
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_head evident.tree_head := evident._tree_head();
    v_id bigint;
begin
    perform evident.require_utf8();
    perform evident._require_log();
    if p_size is not null then
        perform evident._check_tree_size('p_size', p_size, 1);
    end if;

    select e.id
    into v_id
    from evident.event_store as e
    where e.event_id = p_event_id;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format('no event %s', coalesce(p_event_id::text, 'null')),
            detail = jsonb_build_object('name', p_event_id)::text,
            hint = 'give the event_id of a stored event';
    end if;
    if v_id > v_head.last_event_id then
        perform evident._refuse_argument(
            'p_event_id',
            format('event %s is not sealed yet', p_event_id),
            'evident.seal() seals it, once it is at or below the safe position'
        );
    end if;

    leaf_index := evident._leaf_index(v_id, v_head.tree_size);
    tree_size := coalesce(p_size, v_head.tree_size);
    if leaf_index >= tree_size then
        perform evident._refuse_argument(
            'p_size',
            format('the tree of %s leaves ends before leaf %s', tree_size, leaf_index),
            'give a larger size'
        );
    end if;
    hashes := (evident._audit_path(leaf_index, 0, tree_size))[2:];
    return next;
end;
$function$;

comment on function evident.inclusion_proof(uuid, bigint) is
'The place of an event in the ledger and the RFC 6962 audit path: the hashes that lead
from its leaf_hash to root_hash(tree_size), from the leaf''s sibling upwards, 32 bytes
each. Without p_size for the newest tree head. Errors: PT404 no such event; PT400 not
sealed yet, or not in a tree of that size; 0A000 in a database that is not UTF8.';

revoke all on function evident.inclusion_proof(uuid, bigint) from public;
grant execute on function evident.inclusion_proof(uuid, bigint) to evident_auditor;
-- [end sql/functions/ledger/inclusion_proof.sql]
-- [begin sql/functions/ledger/consistency_proof.sql]
-- evident.consistency_proof: what proves that a tree only grew.
--
-- RFC 6962, 2.1.2. The proof starts at the root of the last perfect subtree of the
-- smaller tree; where that is the whole smaller tree, its root is known and left out.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.consistency_proof(p_size1 bigint, p_size2 bigint)
returns bytea[]
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_height integer := 0;
    v_path bytea[];
begin
    perform evident.require_utf8();
    perform evident._require_log();
    perform evident._check_tree_size('p_size1', p_size1, 1);
    perform evident._check_tree_size('p_size2', p_size2, 1);
    if p_size1 > p_size2 then
        perform evident._refuse_argument(
            'p_size1',
            format('%s is more than %s', p_size1, p_size2),
            'give the smaller size first'
        );
    end if;
    if p_size1 = p_size2 then
        return '{}'::bytea[];
    end if;

    -- Ends: the size is above 0, so one of its bits is set.
    while (p_size1 >> v_height) & 1 = 0 loop
        v_height := v_height + 1;
    end loop;
    v_path := evident._audit_path(p_size1 - 1, v_height, p_size2);
    return case when p_size1 >> v_height = 1 then v_path[2:] else v_path end;
end;
$function$;

comment on function evident.consistency_proof(bigint, bigint) is
'The RFC 6962 proof, hashes of 32 bytes each, that the tree of p_size2 leaves begins
with the tree of p_size1 leaves. Sizes from 1, the smaller first; empty for equal sizes.
Errors: PT400 sizes beyond the tree or in the wrong order; 0A000 in a database that is
not UTF8.';

revoke all on function evident.consistency_proof(bigint, bigint) from public;
grant execute on function evident.consistency_proof(bigint, bigint) to
evident_auditor;
-- [end sql/functions/ledger/consistency_proof.sql]
-- [begin sql/functions/ledger/read_tile.sql]
-- evident.read_tile: one tile of the ledger, as a C2SP tlog-tiles log serves it.
--
-- https://c2sp.org/tlog-tiles: tile L/N of width W is the W hashes at height 8 L of
-- the tree that begin at entry 256 N.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.read_tile(
    p_level bigint,
    p_index bigint,
    p_width bigint default 256
)
returns bytea
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_size bigint := (evident._tree_head()).tree_size;
    v_entries bigint;
begin
    perform evident.require_utf8();
    perform evident._require_log();
    if p_level is null or p_level not between 0 and 7 then
        perform evident._refuse_argument(
            'p_level', 'not from 0 to 7', 'give the level, 0 for leaves'
        );
    end if;
    if p_width is null or p_width not between 1 and 256 then
        perform evident._refuse_argument(
            'p_width', 'not from 1 to 256', 'give the number of hashes'
        );
    end if;

    v_entries := v_size >> 8 * p_level::integer;
    if
        p_index is null
        or p_index < 0
        or p_width > v_entries
        or p_index > (v_entries - p_width) / 256
    then
        perform evident._refuse_argument(
            'p_index',
            format('beyond the tree, which has %s leaves', v_size),
            'give the index of a tile, and a width, that the tree has'
        );
    end if;
    return evident._tile_hashes(
        p_level::integer, p_index, p_width::integer
    );
end;
$function$;

comment on function evident.read_tile(bigint, bigint, bigint) is
'Tile p_level/p_index of the ledger: p_width hashes of 32 bytes each, the bytes that
C2SP tlog-tiles serves. Errors: PT400 beyond the tree; 0A000 in a database that is not
UTF8.';

revoke all on function evident.read_tile(bigint, bigint, bigint) from public;
grant execute on function evident.read_tile(bigint, bigint, bigint) to
evident_auditor;
-- [end sql/functions/ledger/read_tile.sql]
-- [begin sql/functions/ledger/_refuse_ledger.sql]
-- evident._refuse_ledger: raise PT500, the events are not what was sealed.
--
-- Errors: PT500, always

create or replace function evident._refuse_ledger(p_size bigint, p_reason text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT500',
        message = format('the ledger of %s leaves %s', p_size, p_reason),
        detail = jsonb_build_object('tree_size', p_size, 'reason', p_reason)::text,
        hint = 'nothing is repaired by itself: evident.verify_ledger() tells where, '
            'and an export checked with evident verify tells what';
end;
$function$;

comment on function evident._refuse_ledger(bigint, text) is
'Raises PT500 with the detail {"tree_size", "reason"}.';

revoke all on function evident._refuse_ledger(bigint, text) from public;
-- [end sql/functions/ledger/_refuse_ledger.sql]
-- [begin sql/functions/ledger/_require_log.sql]
-- evident._require_log: raise PT500 when a row is missing that the installation made.
--
-- A dump of the schema alone, or a copy of some tables, leaves them empty. Each
-- function that works on the ledger asks before it begins, so that none works on
-- nothing, or waits for a row that never comes.
--
-- Errors: PT500

create or replace function evident._require_log()
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_reason constant text := case
        when not exists (
            select from evident.log_identity as i where i.incarnation = 1
        ) then 'log_identity has no row of incarnation 1'
        when not exists (select from evident.ledger_state as s)
            then 'ledger_state has no row'
    end;
begin
    if v_reason is not null then
        raise exception using
            errcode = 'PT500',
            message = 'the log is not whole: ' || v_reason,
            detail = jsonb_build_object('reason', v_reason)::text,
            hint = 'restore the ledger''s tables from where the events came; for a '
                'new log, as a member of evident_owner: '
                'select evident.initialize_log()';
    end if;
    if not exists (select from evident.tree_head as h) then
        perform evident._refuse_ledger(
            0, 'does not have its newest tree head any more'
        );
    end if;
end;
$function$;

comment on function evident._require_log() is
'Raises PT500 unless the log has its first incarnation, a tree head and the sealer''s
row.';

revoke all on function evident._require_log() from public;
-- [end sql/functions/ledger/_require_log.sql]
-- [begin sql/functions/ledger/_lock_sealer.sql]
-- evident._lock_sealer: be the only one that writes to the ledger.
--
-- A lock on one row, for any login may take any advisory lock, and only the owner may
-- lock this row. Always the first incarnation's: a sealer whose snapshot is older than
-- a new incarnation would lock another row than one whose snapshot is not. Statements
-- after it see all that the last one to have it has committed.
--
-- Locks: the first row of log_identity, until the transaction ends.
-- Errors: PT500; 25006 in a read-only transaction

create or replace function evident._lock_sealer(p_must_wait boolean)
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_is_ours boolean;
begin
    if p_must_wait then
        perform
        from evident.log_identity as i
        where i.incarnation = 1
        for update;
    else
        perform
        from evident.log_identity as i
        where i.incarnation = 1
        for update skip locked;
    end if;
    v_is_ours := found;
    perform evident._require_log();
    if v_is_ours then
        return true;
    end if;

    raise notice using
        message = format(
            'nothing is done: %s seals, or begins an incarnation',
            coalesce(
                (
                    select
                        case
                            when l.pid is not null
                                then format(
                                    'session %s%s',
                                    l.pid, ' of ' || quote_ident(a.usename)
                                )
                            when p.gid is not null
                                then format('prepared transaction %L', p.gid)
                        end
                    from pg_locks as l
                    left join pg_stat_activity as a on l.pid = a.pid
                    left join pg_locks as t
                        on
                            l.virtualtransaction = t.virtualtransaction
                            and t.locktype = 'transactionid'
                            and t.pid is null
                    left join pg_prepared_xacts as p
                        on t.transactionid = p.transaction
                    where
                        l.granted
                        and l.pid is distinct from pg_backend_pid()
                        and (
                            l.transactionid = (
                                select i.xmax
                                from evident.log_identity as i
                                where i.incarnation = 1
                            )
                            -- Locked in a savepoint that is over: its number is not
                            -- seen any more, the table's lock is.
                            or (
                                l.relation = 'evident.log_identity'::regclass
                                and l.mode = 'RowShareLock'
                                and l.database = (
                                    select d.oid
                                    from pg_database as d
                                    where d.datname = current_database()
                                )
                            )
                        )
                    order by l.transactionid is null, l.pid, p.gid collate "C"
                    limit 1
                ),
                'another transaction'
            )
        ),
        hint = 'call again when it is over';
    return false;
end;
$function$;

comment on function evident._lock_sealer(boolean) is
'Locks what seal and begin_incarnation exclude each other by; false, with a notice
that tells who has it, when it is locked and p_must_wait is false.';

revoke all on function evident._lock_sealer(boolean) from public;
-- [end sql/functions/ledger/_lock_sealer.sql]

-- [begin sql/functions/ledger/_seal_tiles.sql]
-- evident._seal_tiles: store the tiles that new leaves have filled.
--
-- p_hashes and p_ids begin at the last tile of leaves that was not full. A tile's root
-- is one hash of the level above, so the levels above are made of stored roots.

create or replace function evident._seal_tiles(
    p_size bigint,
    p_hashes bytea,
    p_ids bigint[]
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_from bigint := p_size >> 8;
    v_to bigint := v_from + (cardinality(p_ids) >> 8);
    v_roots bytea := substr(p_hashes, 1, (cardinality(p_ids) >> 8) * 8192);
    v_level integer := 0;
begin
    -- Tiles begin at multiples of 256, so all of them can be halved in one go.
    for v_height in 1 .. 8 loop
        v_roots := evident._pair_hashes(v_roots);
    end loop;

    insert into evident.ledger_tile (
        level, index, first_event_id, last_event_id, root_hash, hashes
    )
    select
        v_level,
        v_from + n.number,
        p_ids[n.number * 256 + 1],
        p_ids[n.number * 256 + 256],
        substr(v_roots, n.number * 32 + 1, 32),
        substr(p_hashes, n.number * 8192 + 1, 8192)
    from generate_series(0, (v_to - v_from)::integer - 1) as n (number);

    for v_above in 1..7 loop
        v_level := v_level + 1;
        v_from := v_from >> 8;
        v_to := v_to >> 8;
        exit when v_from = v_to;

        insert into evident.ledger_tile (
            level, index, first_event_id, last_event_id, root_hash, hashes
        )
        select
            v_level,
            t.index,
            t.first_event_id,
            t.last_event_id,
            evident._tree_root(t.hashes),
            t.hashes
        from (
            select
                b.index >> 8 as index,
                min(b.first_event_id) as first_event_id,
                max(b.last_event_id) as last_event_id,
                string_agg(b.root_hash, '' order by b.index) as hashes
            from evident.ledger_tile as b
            where
                b.level = v_level - 1
                and b.index >= v_from * 256
                and b.index < v_to * 256
            group by b.index >> 8
        ) as t;
    end loop;
end;
$function$;

comment on function evident._seal_tiles(bigint, bytea, bigint[]) is
'Stores the tiles that fill up when leaves with these hashes and event ids, from the
last multiple of 256 on, join a tree of p_size leaves.';

revoke all on function evident._seal_tiles(bigint, bytea, bigint[]) from public;
-- [end sql/functions/ledger/_seal_tiles.sql]
-- [begin sql/functions/ledger/_seal_step.sql]
-- evident._seal_step: make the oldest new events leaves, with one tree head.
--
-- The leaves behind the last full tile are hashed again each time. When the tree that
-- they give is not the one of the newest tree head, history was changed, and nothing
-- is sealed any more: a ledger that went on would make the change its own. The same
-- goes for a tree head that is gone. Tree heads are numbered from 1 without a gap, and
-- ledger_state knows the newest number.
--
-- Events are hashed one at a time, and 40 bytes of each are kept: the memory that a
-- step takes follows from p_max_events alone, whatever the events hold.
--
-- Needs the sealer's lock.
--
-- Errors: PT500

create or replace function evident._seal_step(p_max_events bigint)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    v_head evident.tree_head := evident._tree_head();
    v_position bigint;
    v_edge integer;
    v_hashes bytea;
    v_ids bigint[];
    v_count integer;
begin
    if v_head.number is distinct from (
        select s.head_number from evident.ledger_state as s
    ) then
        perform evident._refuse_ledger(
            coalesce(v_head.tree_size, 0), 'does not have its newest tree head any more'
        );
    end if;

    -- Whoever takes the lock of an announcement can bring the position down. What is
    -- sealed stays below it, or it would look as if it were gone.
    v_position := greatest(evident.safe_position(), v_head.last_event_id);
    v_edge := v_head.tree_size & 255;

    select
        coalesce(string_agg(l.hash, '' order by l.id), ''),
        coalesce(array_agg(l.id order by l.id), '{}')
    into v_hashes, v_ids
    from (
        select
            e.id,
            evident.leaf_hash(e) as hash
        from evident.event_store as e
        where
            e.id > evident._tile_end((v_head.tree_size >> 8) - 1)
            and e.id <= v_position
        order by e.id
        limit v_edge + p_max_events
    ) as l;

    if
        evident._root_over(v_head.tree_size, substr(v_hashes, 1, v_edge * 32))
        <> v_head.root_hash
    then
        perform evident._refuse_ledger(
            v_head.tree_size, 'does not follow from the events any more'
        );
    end if;
    if exists (
        select
        from evident.ledger_tile as t
        where t.level = 0 and t.index >= v_head.tree_size >> 8
    ) then
        perform evident._refuse_ledger(
            v_head.tree_size, 'has tiles beyond its newest tree head'
        );
    end if;

    v_count := cardinality(v_ids) - v_edge;
    if v_count > 0 then
        perform evident._seal_tiles(v_head.tree_size, v_hashes, v_ids);
        v_head.tree_size := v_head.tree_size + v_count;
        v_head.last_event_id := v_ids[cardinality(v_ids)];
        v_head.root_hash := evident._root_over(
            v_head.tree_size, substr(v_hashes, (cardinality(v_ids) >> 8) * 8192 + 1)
        );
    elsif v_head.sealed_at > evident._now() - interval '1 day' then
        return 0;
    end if;

    v_head.number := v_head.number + 1;
    insert into evident.tree_head (number, tree_size, root_hash, last_event_id)
    values (v_head.number, v_head.tree_size, v_head.root_hash, v_head.last_event_id);
    update evident.ledger_state as s
    set head_number = v_head.number
    where s.is_only;
    return v_count;
end;
$function$;

comment on function evident._seal_step(bigint) is
'Seals the oldest new events, at most p_max_events, with one tree head, and gives how
many; a tree head of the same tree when the newest one is a day old.';

revoke all on function evident._seal_step(bigint) from public;
-- [end sql/functions/ledger/_seal_step.sql]

-- [begin sql/functions/ledger/_attest_incarnations.sql]
-- evident._attest_incarnations: make incarnations history that are not yet.
--
-- begin_incarnation calls it, and each seal: an incarnation whose event could not be
-- stored at once gets it later. Which have one the events say, and no row that an owner
-- may change. Needs the sealer's lock.

create or replace function evident._attest_incarnations()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_identity evident.log_identity;
begin
    for v_identity in
        select i.*
        from evident.log_identity as i
        where
            i.incarnation > 1
            and not exists (
                select
                from evident.event_store as e
                where
                    e.aggregate_id = '00000000-0000-0000-0000-000000000000'
                    and e.event_type = 'IncarnationBegun'
                    and e.payload = jsonb_build_object(
                        'incarnation', i.incarnation,
                        'name', i.name,
                        'reason', i.reason
                    )
            )
        order by i.incarnation
    loop
        perform evident._append_own_event(
            'IncarnationBegun',
            jsonb_build_object(
                'incarnation', v_identity.incarnation,
                'name', v_identity.name,
                'reason', v_identity.reason
            )
        );
    end loop;
end;
$function$;

comment on function evident._attest_incarnations() is
'Appends an event IncarnationBegun, {"incarnation", "name", "reason"}, to the store''s
own stream for each incarnation that has none.';

revoke all on function evident._attest_incarnations() from public;
-- [end sql/functions/ledger/_attest_incarnations.sql]

-- [begin sql/functions/ledger/_record_guard_changes.sql]
-- evident._record_guard_changes: make it history when the guards have changed.
--
-- Each event GuardChanged in the store's own stream tells which rows of guard_status
-- came and went, so the events up to any moment, folded, give all rows as they were
-- then. The first one tells of all rows. Only an owner can write to that stream by
-- hand, so the events themselves are folded each time: the fingerprint that the newest
-- one gives decides nothing.
--
-- What does not fit into half a MiB of text is cut in the order of the rows, removed
-- ones first, into several events of one transaction, whose part and parts tell that
-- they belong together. A row whose text is longer than 16 kB stands with the sha256
-- of its state, so no event exceeds what any event may be.
--
-- Texts are sorted and compared by their bytes: a restore into a database of another
-- collation changes no guard.

create or replace function evident._record_guard_changes()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    v_own constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
    v_rows jsonb;
    v_fingerprint text;
    v_payload jsonb;
begin
    select
        coalesce(
            jsonb_agg(
                to_jsonb(g) || case
                    when octet_length(to_jsonb(g)::text) > 16384 then
                        jsonb_build_object(
                            'state',
                            'sha256 '
                            || encode(sha256(convert_to(g.state, 'UTF8')), 'hex')
                        )
                    else '{}'
                end
                order by
                    g.kind collate "C", g.name collate "C", g.state collate "C"
            ),
            '[]'
        )
    into v_rows
    from evident.guard_status() as g;

    v_fingerprint := encode(sha256(convert_to(v_rows::text, 'UTF8')), 'hex');

    for v_payload in
        with stored as (
            select distinct on (c.guard)
                c.guard,
                c.is_added
            from evident.event_store as e
            cross join lateral (
                select
                    a.guard,
                    true as is_added
                from jsonb_path_query(e.payload, '$.added[*]') as a (guard)

                union all

                select
                    r.guard,
                    false as is_added
                from jsonb_path_query(e.payload, '$.removed[*]') as r (guard)
            ) as c
            where e.aggregate_id = v_own and e.event_type = 'GuardChanged'
            -- collation: to tell them apart, in no order of its own
            order by c.guard, e.version desc
        ),

        found as (
            select f.guard
            from jsonb_array_elements(v_rows) as f (guard)
        ),

        change as (
            (
                select
                    s.guard,
                    false as is_added
                from stored as s
                where s.is_added
                except
                select
                    f.guard,
                    false as is_added
                from found as f
            )

            union all

            (
                select
                    f.guard,
                    true as is_added
                from found as f
                except
                select
                    s.guard,
                    true as is_added
                from stored as s
                where s.is_added
            )
        ),

        placed as (
            select
                c.guard,
                c.is_added,
                c.guard::text collate "C" as place,
                sum(octet_length(c.guard::text) + 2) over (
                    order by c.is_added, c.guard::text collate "C"
                ) / 524288 as part
            from change as c
        )

        select
            jsonb_build_object(
                'fingerprint', v_fingerprint,
                'added', coalesce(
                    jsonb_agg(p.guard order by p.place) filter (where p.is_added), '[]'
                ),
                'removed', coalesce(
                    jsonb_agg(p.guard order by p.place) filter (where not p.is_added),
                    '[]'
                ),
                'part', row_number() over (order by p.part),
                'parts', count(*) over ()
            )
        from placed as p
        group by p.part
        order by p.part
    loop
        perform evident._append_own_event('GuardChanged', v_payload);
    end loop;
end;
$function$;

comment on function evident._record_guard_changes() is
'Appends events GuardChanged, {"fingerprint", "added", "removed", "part", "parts"}, to
the store''s own stream when guard_status differs from what the newest such event
tells.';

revoke all on function evident._record_guard_changes() from public;
-- [end sql/functions/ledger/_record_guard_changes.sql]
-- [begin sql/functions/ledger/_attest.sql]
-- evident._attest: write the store's own events, whatever comes of it.
--
-- What was sealed, and an incarnation that was begun, stay so when an event about them
-- cannot be stored: some trigger on event_store may raise, a lock may be held. So each
-- kind has a block of its own, and an error is stored for ledger_status, to be cleared
-- when all is well again; the next seal tries anew. Cancelling still cancels.
--
-- Needs the sealer's lock.

create or replace function evident._attest()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $function$
declare
    v_code text;
    v_message text;
begin
    begin
        perform evident._attest_incarnations();
    exception when others or assert_failure then
        get stacked diagnostics
            v_code = returned_sqlstate,
            v_message = message_text;
    end;
    begin
        perform evident._record_guard_changes();
    exception when others or assert_failure then
        get stacked diagnostics
            v_code = returned_sqlstate,
            v_message = message_text;
    end;
    begin
        update evident.ledger_state as s
        set
            attestation_sqlstate = v_code,
            attestation_error = left(v_message, 1000),
            attestation_failed_at = case
                when v_code is not null
                    then coalesce(s.attestation_failed_at, evident._now())
            end
        where
            (s.attestation_sqlstate, s.attestation_error)
            is distinct from (v_code, left(v_message, 1000));
        if not exists (
            select
            from evident.ledger_state as s
            where
                (s.attestation_sqlstate, s.attestation_error)
                is not distinct from (v_code, left(v_message, 1000))
        ) then
            raise warning using
                errcode = 'PT500',
                message = concat(
                    'how the attestation of the guards ended is not stored: '
                    'ledger_state has no such row', '; ' || v_message
                );
        end if;
    exception when others or assert_failure then
        raise warning using
            errcode = sqlstate,
            message = 'how the attestation of the guards ended is not stored: '
                || sqlerrm;
    end;
end;
$function$;

comment on function evident._attest() is
'Appends the events IncarnationBegun and GuardChanged that are due; an error is stored
in ledger_state, and undoes nothing else.';

revoke all on function evident._attest() from public;
-- [end sql/functions/ledger/_attest.sql]

-- [begin sql/functions/ledger/seal.sql]
-- evident.seal: take what is new in the event store into the ledger.
--
-- Off the append path: appends hash nothing and wait for nothing. One sealer works at
-- a time; another one comes back with 0 and a notice. Events above the last sealed id,
-- up to the safe position, in the order of their ids, become the next leaves: nothing
-- that is still being written can come in below them later.
--
-- The commit waits for the disk and for synchronous standbys, whatever the session
-- says, since a tree head that was shown to others must not be lost.
--
-- Without new events a tree head is written once a day, so that a stopped sealer can
-- be told from a quiet store.
--
-- Many events are sealed in steps of a hundred thousand, each with a tree head, so that
-- the memory it takes stays the same.
--
-- What is sealed stays sealed when the store's own events, about the guards, cannot be
-- written: ledger_status shows that.
--
-- Locks: the first row of log_identity, not waited for (_lock_sealer).
-- Errors: PT400, PT500; 0A000 in a database that is not UTF8; 25006 on a standby

create or replace function evident.seal(p_max_events bigint default 100000)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set jit = off
as $function$
declare
    v_step bigint;
    v_sealed bigint;
    v_count bigint := 0;
    v_feed record;
begin
    perform evident.require_utf8();
    if p_max_events is null or p_max_events not between 1 and 10000000 then
        perform evident._refuse_argument(
            'p_max_events', 'not from 1 to 10000000', 'call it again for the rest'
        );
    end if;
    if pg_is_in_recovery() then
        -- Where it has nothing to write it would say that there is nothing to seal.
        raise exception using
            errcode = 'read_only_sql_transaction',
            message = 'events cannot be sealed on a standby',
            hint = 'seal on the primary';
    end if;
    perform evident._refuse_one_snapshot();
    if not evident._lock_sealer(false) then
        return 0;
    end if;
    if current_setting('synchronous_commit') in ('off', 'local', 'remote_write') then
        perform set_config('synchronous_commit', 'on', true);
    end if;

    for v_number in 1..100 loop
        v_step := least(p_max_events - v_count, 100000);
        v_sealed := evident._seal_step(v_step);
        v_count := v_count + v_sealed;
        exit when v_sealed < v_step or v_count = p_max_events;
    end loop;

    if v_count = 0 then
        select
            f.holder_pid,
            f.holder_name,
            f.lag
        into v_feed
        from evident.feed_status as f
        where f.lag > 0;
        if found then
            raise notice using
                message = format(
                    'nothing is sealed: %s holds the feed back by %s events',
                    case
                        when v_feed.holder_pid is not null
                            then format(
                                'session %s (%s)', v_feed.holder_pid, v_feed.holder_name
                            )
                        when v_feed.holder_name is not null
                            then format(
                                'prepared transaction %L', v_feed.holder_name
                            )
                        else 'a transaction that is over by now'
                    end,
                    v_feed.lag
                ),
                hint = 'call again when it is over; evident.blocker tells whether it '
                    'is at work';
        end if;
    end if;

    perform evident._attest();
    return v_count;
end;
$function$;

comment on function evident.seal(bigint) is
'Seals new events into the ledger, at most p_max_events (1 to 10000000), and gives how
many: 0 when there are none, or, with a notice, when another session is sealing or one
holds the feed back. Call it every few seconds. Appends an event GuardChanged when what
guard_status tells has changed; ledger_status shows when that fails. Errors: PT500 the
sealed events or the tree heads are not what they were; PT400 at REPEATABLE READ and
SERIALIZABLE; 0A000 in a database that is not UTF8.';

revoke all on function evident.seal(bigint) from public;
grant execute on function evident.seal(bigint) to evident_operator;
-- [end sql/functions/ledger/seal.sql]
-- [begin sql/functions/ledger/_changed_leaves.sql]
-- evident._changed_leaves: what differs between a full tile of leaves and its events.
--
-- Compared by hash, so that a missing or an inserted event is one difference and not
-- one for everything behind it. What is left over on both sides is paired in order.

create or replace function evident._changed_leaves(p_index bigint, p_after bigint)
returns table (leaf_index bigint, event_id uuid, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
    with tile as (
        select t.*
        from evident.ledger_tile as t
        where t.level = 0 and t.index = p_index
    ),

    sealed as (
        select
            n.number,
            substr(t.hashes, n.number * 32 + 1, 32) as hash
        from tile as t
        cross join generate_series(0, 255) as n (number)
    ),

    stored as (
        select
            e.id,
            e.event_id,
            evident.leaf_hash(e) as hash
        from tile as t
        inner join evident.event_store as e
            on e.id > p_after and e.id <= t.last_event_id
    ),

    sealed_only as (
        select
            s.number,
            row_number() over (order by s.number) as place
        from sealed as s
        where not exists (select from stored as e where e.hash = s.hash)
    ),

    stored_only as (
        select
            e.event_id,
            row_number() over (order by e.id) as place
        from stored as e
        where not exists (select from sealed as s where s.hash = e.hash)
    )

    select
        p_index * 256 + s.number as leaf_index,
        e.event_id,
        case
            when e.event_id is null then 'the sealed event is missing'
            when s.number is null then 'the event was never sealed'
            else 'the event is not what was sealed'
        end as problem
    from sealed_only as s
    full join stored_only as e on s.place = e.place
    -- collation: a number
    order by coalesce(s.place, e.place);
$function$;

comment on function evident._changed_leaves(bigint, bigint) is
'The leaves of tile 0/p_index that do not fit the events after id p_after up to the
tile''s last, as verify_ledger gives them.';

revoke all on function evident._changed_leaves(bigint, bigint) from public;
-- [end sql/functions/ledger/_changed_leaves.sql]
-- [begin sql/functions/ledger/_verify_leaves.sql]
-- evident._verify_leaves: full tiles of leaves, against the events below them.
--
-- A tile's events are those between the last id of the tile before and its own, also
-- in the gaps between ids, where an event may have been put later.

create or replace function evident._verify_leaves(p_first bigint, p_last bigint)
returns table (leaf_index bigint, event_id uuid, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    select
        p.leaf_index,
        p.event_id,
        p.problem
    from generate_series(p_first, p_last) as n (index)
    left join evident.ledger_tile as t on t.level = 0 and n.index = t.index
    left join evident.ledger_tile as b on b.level = 0 and n.index - 1 = b.index
    cross join lateral (
        -- Where the tile before is missing, its events are not to be blamed on this.
        select coalesce(
            b.last_event_id,
            case when n.index > 0 then t.first_event_id - 1 end,
            evident._tile_end(-1)
        ) as id
    ) as a
    cross join lateral (
        select
            string_agg(l.hash, '' order by l.id) as hashes,
            min(l.id) as first_event_id
        from (
            select
                e.id,
                evident.leaf_hash(e) as hash
            from evident.event_store as e
            where e.id > a.id and e.id <= t.last_event_id
            order by e.id
        ) as l
    ) as f
    cross join lateral (
        select
            c.leaf_index,
            c.event_id,
            c.problem
        from evident._changed_leaves(n.index, a.id) as c
        where f.hashes is distinct from t.hashes

        union all

        select
            n.index * 256 as leaf_index,
            null as event_id,
            format('tile 0/%s is missing', n.index) as problem
        where t.index is null

        union all

        select
            n.index * 256 as leaf_index,
            null as event_id,
            format('tile 0/%s has another root or first event', n.index) as problem
        where
            evident._tree_root(t.hashes) <> t.root_hash
            or (f.hashes = t.hashes and f.first_event_id <> t.first_event_id)
    ) as p
    order by n.index, p.leaf_index;
$function$;

comment on function evident._verify_leaves(bigint, bigint) is
'What differs between the full tiles 0/p_first to 0/p_last and their events.';

revoke all on function evident._verify_leaves(bigint, bigint) from public;
-- [end sql/functions/ledger/_verify_leaves.sql]
-- [begin sql/functions/ledger/_verify_tiles.sql]
-- evident._verify_tiles: full tiles above the leaves, against the tiles below them.

create or replace function evident._verify_tiles(
    p_level integer,
    p_first bigint,
    p_last bigint
)
returns table (leaf_index bigint, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    select
        n.index << 8 * (p_level + 1) as leaf_index,
        case
            when t.index is null then format('tile %s/%s is missing', p_level, n.index)
            else format(
                'tile %s/%s does not follow from the ones below', p_level, n.index
            )
        end as problem
    from generate_series(p_first, p_last) as n (index)
    left join evident.ledger_tile as t on t.level = p_level and n.index = t.index
    cross join lateral (
        select
            string_agg(b.root_hash, '' order by b.index) as hashes,
            min(b.first_event_id) as first_event_id,
            max(b.last_event_id) as last_event_id
        from evident.ledger_tile as b
        where
            b.level = p_level - 1
            and b.index >= n.index * 256
            and b.index < n.index * 256 + 256
    ) as f
    where
        (t.hashes, t.root_hash, t.first_event_id, t.last_event_id)
        is distinct from
        (f.hashes, evident._tree_root(f.hashes), f.first_event_id, f.last_event_id)
    order by n.index;
$function$;

comment on function evident._verify_tiles(integer, bigint, bigint) is
'What differs between the full tiles p_level/p_first to p_level/p_last and the tiles of
the level below.';

revoke all on function evident._verify_tiles(integer, bigint, bigint) from public;
-- [end sql/functions/ledger/_verify_tiles.sql]
-- [begin sql/functions/ledger/_verify_heads.sql]
-- evident._verify_heads: tree heads, against the tiles and the last events.
--
-- The first one that does not fit is told: behind a change none does. Where the head
-- before fits, the change is between the two. Full tiles were compared with their
-- events before, so their hashes will do.

create or replace function evident._verify_heads(p_from bigint, p_to bigint)
returns table (leaf_index bigint, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    select
        least(h.size_before, h.tree_size) as leaf_index,
        format(
            'tree head %s, %s leaves, does not follow from leaf %s to its last',
            h.number, h.tree_size, least(h.size_before, h.tree_size)
        ) as problem
    from (
        select
            t.number,
            t.tree_size,
            t.root_hash,
            t.last_event_id,
            coalesce(lag(t.tree_size) over (order by t.number), p_from) as size_before
        from evident.tree_head as t
        where t.tree_size between p_from and p_to
    ) as h
    cross join lateral (
        select evident._tile_end((h.tree_size >> 8) - 1) as id
    ) as a
    cross join lateral (
        select max(l.id) as last_event_id
        from (
            select e.id
            from evident.event_store as e
            where e.id > a.id
            order by e.id
            limit h.tree_size & 255
        ) as l
    ) as f
    where
        h.tree_size < h.size_before
        or evident._root_over(
            h.tree_size,
            evident._tile_hashes(0, h.tree_size >> 8, (h.tree_size & 255)::integer)
        ) <> h.root_hash
        or (
            h.tree_size > 0
            and coalesce(f.last_event_id, a.id) <> h.last_event_id
        )
    order by h.number
    limit 1;
$function$;

comment on function evident._verify_heads(bigint, bigint) is
'The first tree head, of those with p_from to p_to leaves, that does not fit.';

revoke all on function evident._verify_heads(bigint, bigint) from public;
-- [end sql/functions/ledger/_verify_heads.sql]
-- [begin sql/functions/ledger/_verify_head_numbers.sql]
-- evident._verify_head_numbers: tree heads that are gone.
--
-- They are numbered from 1 without a gap, and ledger_state knows the newest number. A
-- slice is asked for what is missing before each of its heads, the one that holds the
-- newest leaves also for what is missing at the end; so all slices together find all.
--
-- That sealed_at does not go back is not asked for: a clock may be put right.

create or replace function evident._verify_head_numbers(p_from bigint, p_to bigint)
returns table (leaf_index bigint, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    with known as (
        select
            t.number,
            t.tree_size
        from evident.tree_head as t
        where t.tree_size between p_from and coalesce(p_to, 9223372036854775807)

        union all

        -- One behind the newest that there must be.
        select
            coalesce((select s.head_number from evident.ledger_state as s), 1) + 1,
            null
        where p_to is null
    )

    select
        b.tree_size as leaf_index,
        case
            when k.number - b.number = 2
                then format('tree head %s is missing', b.number + 1)
            when k.number - b.number > 2 then format(
                'tree heads %s to %s are missing', b.number + 1, k.number - 1
            )
            else format('tree head %s is newer than ledger_state knows', b.number)
        end as problem
    from known as k
    cross join lateral (
        select
            coalesce(max(l.number), 0) as number,
            coalesce(max(l.tree_size), 0) as tree_size
        from (
            select
                t.number,
                t.tree_size
            from evident.tree_head as t
            where t.number < k.number or k.tree_size is null
            order by t.number desc
            limit 1
        ) as l
    ) as b
    where k.number - b.number <> 1
    order by b.number;
$function$;

comment on function evident._verify_head_numbers(bigint, bigint) is
'What is missing before tree heads of p_from to p_to leaves; without p_to up to the
newest one, and at the end.';

revoke all on function evident._verify_head_numbers(bigint, bigint) from public;
-- [end sql/functions/ledger/_verify_head_numbers.sql]

-- [begin sql/functions/ledger/verify_ledger.sql]
-- evident.verify_ledger: compute the ledger anew from the events; what differs?
--
-- For the leaves from p_from to before p_to, and the tiles and tree heads that stand
-- on them: call it for the newest leaves often and for a moving slice of the rest.
-- Reads events in the order of their ids, linear in the number of leaves.
--
-- Whoever may change the events may change tiles, tree heads and this function too.
-- What was published, and a check outside the database, are for that.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.verify_ledger(
    p_from bigint default 0,
    p_to bigint default null
)
returns table (leaf_index bigint, event_id uuid, problem text)
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_size bigint := coalesce((evident._tree_head()).tree_size, 0);
    v_to bigint := coalesce(p_to, v_size);
begin
    perform evident.require_utf8();
    perform evident._check_tree_size('p_to', v_to, 0);
    if p_from is null or p_from not between 0 and v_to then
        perform evident._refuse_argument(
            'p_from', format('not from 0 to %s', v_to), 'give the first leaf to check'
        );
    end if;

    return query
    select
        p.leaf_index,
        p.event_id,
        p.problem
    from evident._verify_leaves(
        p_from >> 8, least(v_to - 1, v_size - 256) >> 8
    ) as p;

    for v_level in 1..6 loop
        exit when v_size >> 8 * (v_level + 1) = 0;

        return query
        select
            p.leaf_index,
            null::uuid,
            p.problem
        from evident._verify_tiles(
            v_level,
            p_from >> 8 * (v_level + 1),
            least((v_to - 1) >> 8 * (v_level + 1), (v_size >> 8 * (v_level + 1)) - 1)
        ) as p;
    end loop;

    return query
    select
        t.index << 8 * (t.level + 1),
        null::uuid,
        format('tile %s/%s is beyond the newest tree head', t.level, t.index)
    from evident.ledger_tile as t
    where v_to = v_size and t.index >= v_size >> 8 * (t.level + 1)
    order by t.level, t.index;

    return query
    select
        p.leaf_index,
        null::uuid,
        p.problem
    from evident._verify_head_numbers(p_from, nullif(v_to, v_size)) as p;

    return query
    select
        p.leaf_index,
        null::uuid,
        p.problem
    from evident._verify_heads(
        p_from,
        -- A larger tree head than the newest one is a finding, too.
        case when v_to = v_size then 9223372036854775807 else v_to end
    ) as p;
end;
$function$;

comment on function evident.verify_ledger(bigint, bigint) is
'What differs between the ledger and the events, for the leaves from p_from to before
p_to, by default all; empty: nothing. A problem has a leaf_index, and an event_id where
one event can be named. For big ledgers check slices. Errors: PT400 beyond the tree;
0A000 in a database that is not UTF8.';

revoke all on function evident.verify_ledger(bigint, bigint) from public;
grant execute on function evident.verify_ledger(bigint, bigint) to
evident_operator, evident_auditor;
-- [end sql/functions/ledger/verify_ledger.sql]
-- [begin sql/functions/ledger/begin_incarnation.sql]
-- evident.begin_incarnation: say that history goes on from an earlier state.
--
-- After a restore of an older backup, or a failover to a standby that had not received
-- everything, the tree is smaller than one whose checkpoint was published. A publisher
-- refuses it, as it must. A new incarnation, with its reason, shows for ever that this
-- happened, and excuses nothing by itself: a person accepts its number, once with the
-- publisher and with each verifier. A new name for the log takes one too.
--
-- The incarnation is what the operator asked for, so it is begun also when its event
-- cannot be stored, because a trigger on event_store raises: a warning tells, and the
-- next seal that can stores the event.
--
-- Locks: the sealer's (_lock_sealer), waited for, until the transaction ends.
-- Errors: PT400, PT500; 0A000 in a database that is not UTF8; 25006 on a standby

create or replace function evident.begin_incarnation(
    p_reason text,
    p_name text default null
)
returns integer
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set jit = off
as $function$
declare
    v_identity evident.log_identity;
begin
    perform evident.require_utf8();
    -- The whole length: blanks at the ends are stored as well.
    if coalesce(char_length(p_reason), 0) not between 1 and 1000
        or trim(p_reason) = ''
    then
        perform evident._refuse_argument(
            'p_reason',
            'blank, or not from 1 to 1000 characters',
            'say why history goes on from an earlier state'
        );
    end if;
    if p_name !~ '^[!-*,-~]{1,100}$' then
        perform evident._refuse_argument(
            'p_name',
            'not 1 to 100 visible ASCII characters without +',
            'give a name such as example.com/orders'
        );
    end if;
    perform evident._refuse_one_snapshot();
    perform evident._lock_sealer(true);

    v_identity := evident._log_identity();
    v_identity.incarnation := v_identity.incarnation + 1;
    v_identity.name := coalesce(p_name, v_identity.name);

    insert into evident.log_identity (incarnation, log_id, name, reason, tree_size)
    values (
        v_identity.incarnation,
        v_identity.log_id,
        v_identity.name,
        p_reason,
        (evident._tree_head()).tree_size
    );
    perform evident._attest();
    if v_identity.incarnation::text is distinct from (
        select e.payload ->> 'incarnation'
        from evident.event_store as e
        where
            e.aggregate_id = '00000000-0000-0000-0000-000000000000'
            and e.event_type = 'IncarnationBegun'
        order by e.version desc
        limit 1
    ) then
        raise warning using
            message = format(
                'incarnation %s has begun, its event is not stored yet',
                v_identity.incarnation
            ),
            hint = 'evident.ledger_status tells why; the next seal tries again';
    end if;
    return v_identity.incarnation;
end;
$function$;

comment on function evident.begin_incarnation(text, text) is
'Begins a new incarnation of the log, with a reason and, if given, another name, and
gives its number. For restores of older backups and failovers that lost events: the
publisher and verifiers then accept the loss of the newest events, where a person
gives them this number. Appends an event IncarnationBegun to the store''s own stream;
when that fails a warning tells, and the next seal does it. Waits for a seal that is
under way. Errors: PT400; PT500 a row of the log is gone; 0A000 in a database that is
not UTF8.';

revoke all on function evident.begin_incarnation(text, text) from public;
grant execute on function evident.begin_incarnation(text, text) to evident_operator;
-- [end sql/functions/ledger/begin_incarnation.sql]
-- [begin sql/functions/ledger/record_publication.sql]
-- evident.record_publication: note that a checkpoint was published.
--
-- For the status, and for exports, which hand out the newest published checkpoint.
-- The signature is not checked here, and this note proves nothing: the copies outside
-- the database do.
--
-- Errors: PT400; 0A000 in a database that is not UTF8; 25006 on a standby

create or replace function evident.record_publication(p_checkpoint text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_line text[];
    v_head evident.tree_head;
begin
    perform evident.require_utf8();
    perform evident._require_log();
    if octet_length(p_checkpoint) > 65536 then
        perform evident._refuse_argument(
            'p_checkpoint', 'longer than 65536 bytes', 'publish with evident publish'
        );
    end if;
    v_line := string_to_array(p_checkpoint, chr(10));
    select h.*
    into v_head
    from evident.tree_head as h
    where
        h.tree_size = case when v_line[2] ~ '^[0-9]{1,18}$' then v_line[2]::bigint end
        and h.tree_size::text = v_line[2]
        and encode(h.root_hash, 'base64') = v_line[3]
        and evident._log_origin() = v_line[1]
        and v_line[4] = ''
        and v_line[5] like (chr(8212) || ' %')
    order by h.number
    limit 1;

    if not found then
        perform evident._refuse_argument(
            'p_checkpoint',
            'not a signed checkpoint of one of this log''s tree heads',
            'publish with evident publish'
        );
    end if;

    insert into evident.ledger_publication (incarnation, tree_size, checkpoint)
    values (
        (evident._log_identity()).incarnation, v_head.tree_size, p_checkpoint
    );
end;
$function$;

comment on function evident.record_publication(text) is
'Stores a signed checkpoint that was published outside: three lines (origin, tree size,
base64 root), an empty one, signatures; 65,536 bytes at most. Errors: PT400 when it is
longer, or not one of this log''s tree heads; 0A000 in a database that is not UTF8.';

revoke all on function evident.record_publication(text) from public;
grant execute on function evident.record_publication(text) to evident_auditor;
-- [end sql/functions/ledger/record_publication.sql]
-- [begin sql/functions/ledger/ledger_status.sql]
-- evident.ledger_status: how far the ledger is, and how far it was published.
--
-- One row, also when a partial restore left the tables empty that it reads.

create or replace view evident.ledger_status as
with identity as (
    select
        i.log_id,
        i.name,
        i.incarnation
    from evident.log_identity as i
    order by i.incarnation desc
    limit 1
),

head as (
    select
        h.tree_size,
        h.root_hash,
        h.last_event_id,
        h.sealed_at
    from evident.tree_head as h
    order by h.number desc
    limit 1
),

publication as (
    select
        p.tree_size,
        p.published_at
    from evident.ledger_publication as p
    order by p.number desc
    limit 1
)

select
    i.name || '/' || i.log_id || '/' || i.incarnation as origin,
    i.log_id,
    i.name,
    i.incarnation,
    h.tree_size as leaves,
    h.root_hash,
    h.last_event_id as sealed_until,
    h.sealed_at,
    extract(epoch from clock_timestamp() - h.sealed_at) as seconds_since_seal,
    evident._events_after(n.ids, coalesce(h.last_event_id, 0)) as unsealed_events,
    p.tree_size as published_leaves,
    p.published_at,
    s.attestation_sqlstate,
    s.attestation_error,
    s.attestation_failed_at,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('seal', 'feed')
    ) as blockers,
    nullif(
        concat_ws(
            '; ',
            case
                when i.log_id is null
                    then
                        'log_identity has no row: '
                        'as evident_owner, select evident.initialize_log()'
            end,
            case
                when h.tree_size is null
                    then
                        'tree_head has no row: '
                        'as evident_owner, select evident.initialize_log()'
            end
        ),
        ''
    ) as problem,
    n.is_snapshot
from evident._newest as n
left join identity as i on true
left join head as h on true
left join publication as p on true
left join evident.ledger_state as s on true;

comment on view evident.ledger_status is
'One row: the log''s origin (name, uuid and incarnation); leaves, root_hash and
sealed_until (an event''s id) of the newest tree head, when it was sealed and how many
seconds ago; how many events are not sealed yet (above 10,000 an estimate); leaves of
the newest published checkpoint, and when it was published; while the store''s own
events (GuardChanged, IncarnationBegun) cannot be stored: with which SQLSTATE and
message, and since when; how many blockers there are of seal and feed, see
evident.blocker; the problem of a store that was restored in part; and is_snapshot, as
in feed_status.';

revoke all on table evident.ledger_status from public;
grant select on table evident.ledger_status to
evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/ledger/ledger_status.sql]
-- [begin sql/functions/ledger/initialize_log.sql]
-- evident.initialize_log: make the rows that the installation makes, where a copy of
-- the schema lacks them.
--
-- The stamp's row, the first incarnation of the log with its tree head of no leaves and
-- the sealer's row, and the record of the catalog, which guard_status compares with.
--
-- A log is one thing: its identity, tree heads and tiles belong together, and to the
-- checkpoints that were published. So a new one is begun only where nothing of another
-- is left; where a part is, the rest has to come from where that part came from. A log
-- that had only lost its newest rows would otherwise hide it.
--
-- Events may be there. They become leaves of the new log, which says nothing about what
-- they were before, and no checkpoint of an earlier log speaks for it: its uuid is
-- another. That it began over events is told by the reason of its identity, and by an
-- event LogInitialized in the store's own stream, so that the new log itself holds it.
--
-- Locks: SHARE ROW EXCLUSIVE on the tables that it looks at, asked for briefly
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500; 55P03 when others were in
-- the way; 25006 on a standby

create or replace function evident.initialize_log()
returns setof text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set lock_timeout = '900ms'
as $function$
declare
    v_made text[] := '{}'::text[];
    v_left text[];
    v_newest bigint;
    v_name text;
begin
    perform evident._refuse_one_snapshot();
    lock table
        evident.baseline, evident.feed_stamp, evident.ledger_tile, evident.tree_head,
        evident.log_identity, evident.ledger_state, evident.ledger_publication
        in share row exclusive mode;
    v_newest := (select max(e.id) from evident.event_store as e);

    v_left := array_remove(
        array[
            case when exists (select from evident.log_identity) then 'log_identity' end,
            case when exists (select from evident.tree_head) then 'tree_head' end,
            case when exists (select from evident.ledger_tile) then 'ledger_tile' end,
            case when exists (select from evident.ledger_state) then 'ledger_state' end,
            case
                when exists (select from evident.ledger_publication)
                    then 'ledger_publication'
            end
        ],
        null
    );
    if v_left = '{}' then
        insert into evident.log_identity (incarnation, log_id, name, reason, tree_size)
        values (
            1,
            evident._uuid_v7(),
            'evident',
            case
                when v_newest is null then 'installed'
                else format(
                    'begun over events that were there, the newest with id %s', v_newest
                )
            end,
            0
        );
        insert into evident.tree_head (number, tree_size, root_hash, last_event_id)
        values (1, 0, sha256(''), 0);
        insert into evident.ledger_state (head_number)
        values (1);
        v_made := '{log_identity,tree_head,ledger_state}';
    elsif
        not v_left @> '{log_identity,tree_head,ledger_state}'
        or not exists (select from evident.log_identity as i where i.incarnation = 1)
    then
        raise exception using
            errcode = 'PT500',
            message = 'no new log is begun: another one''s rows are here, in part',
            detail = jsonb_build_object(
                'reason', 'a part of a log is left',
                'tables', to_jsonb(v_left)
            )::text,
            hint = 'restore log_identity, tree_head, ledger_state, ledger_tile and '
                'ledger_publication together, from where these rows came';
    end if;

    if not exists (select from evident.feed_stamp) then
        insert into evident.feed_stamp (position)
        values (0);
        v_made := v_made || 'feed_stamp'::text;
    end if;
    if not exists (select from evident.baseline) then
        perform evident._record_baseline(p_part => 'package');
        for v_name in
            select p.name
            from evident.projection as p
            order by p.number
        loop
            perform evident._record_baseline(v_name);
        end loop;
        v_made := v_made || 'baseline'::text;
    end if;

    if v_made <> '{}' and v_newest is not null then
        perform evident._append_own_event(
            'LogInitialized',
            jsonb_build_object(
                'tables', v_made,
                'newest_id', v_newest,
                'reason', format(
                    'rows of %s were missing', array_to_string(v_made, ', ')
                )
            )
        );
    end if;
    return query
    select m.name
    from unnest(v_made) as m (name);
end;
$function$;

comment on function evident.initialize_log() is
'Makes the rows that a copy of the schema lacks (of feed_stamp, log_identity, tree_head,
ledger_state, baseline) and gives the names of the tables that got theirs; none when all
are there. A new log has a new uuid: no checkpoint of another speaks for it. Over events
that are there it appends LogInitialized to the store''s own stream. For members of
evident_owner, at READ COMMITTED. Errors: PT500 a part of another log is left, or the
sequence of the ids is behind its rows; 55P03 when others were in the way: call again.';

revoke all on function evident.initialize_log() from public;
-- [end sql/functions/ledger/initialize_log.sql]
-- [begin sql/functions/ledger/repair_sequences.sql]
-- evident.repair_sequences: set the sequences of the store right, where rows came
-- without them.
--
-- By logical replication, a restore of parts, or after an owner's setval. No sequence
-- goes back. That of the event ids goes to the newest id, or to what readers have
-- passed when that is more: the stamp, the ledger, positions of projections and
-- consumers, and what consumers have claimed. So no id comes a second time. Fencing
-- tokens leave a gap: those of consumers that were dropped may be in use.
--
-- Events that came without their triggers are in no synchronous read model, unless its
-- rows came along; which of the two cannot be told here. So a read model without rows
-- begins at 0 again. Of all others that appends kept, or whose checkpoint is beyond
-- what this sequence had drawn, nothing is claimed any more: position 0 and no
-- definition. The next run of such a one is a rebuild, which compares all rows with
-- the events and writes those that differ.
--
-- An event that got an id below the stamp after the stamp was taken was stored while
-- the sequence was behind. Readers of the feed have passed it: a warning tells.
--
-- ALTER SEQUENCE, with the cache that it has, makes all sessions plan their appends
-- anew, which they may have planned while it was behind (_is_ordered).
--
-- Locks: the projections'; that of making; SHARE ROW EXCLUSIVE on evident.event_store:
-- appends wait, readers do not. Each is asked for briefly. 55P03: try again.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500; 55P03; 25006 on a standby

create or replace function evident.repair_sequences()
returns table (sequence text, was bigint, now bigint)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
-- See _require_projector.
set jit = off
set lock_timeout = '900ms'
as $function$
#variable_conflict use_column
declare
    v_projection evident.projection;
    v_sequence record;
    v_called boolean;
    v_newest bigint;
    v_was bigint;
    v_moved jsonb := '[]'::jsonb;
    v_reset text[] := '{}'::text[];
    v_below bigint;
begin
    perform evident._refuse_one_snapshot();
    perform evident._lock_registration();
    for v_projection in
        select p.*
        from evident.projection as p
        order by p.number
    loop
        perform evident._lock_projection(v_projection.name);
    end loop;
    perform evident._lock_making();
    lock table evident.event_store in share row exclusive mode;

    for v_sequence in
        select
            s.seqrelid::regclass::text as name,
            a.attname = 'epoch' as is_token,
            format(
                -- collation: a number
                'select max(t.%I) from %s as t', a.attname, d.refobjid::regclass
            ) as newest
        from pg_sequence as s
        inner join pg_class as c on s.seqrelid = c.oid
        inner join pg_depend as d on s.seqrelid = d.objid
        inner join pg_attribute as a
            on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
        where
            c.relnamespace = 'evident'::regnamespace
            and d.classid = 'pg_class'::regclass
            and d.refclassid = 'pg_class'::regclass
            and d.deptype in ('a', 'i')
        order by c.relname = 'event_store_id_seq' desc, c.relname collate "C"
    loop
        sequence := v_sequence.name;
        execute format(
            'select s.last_value, s.is_called from %s as s', sequence
        ) into was, v_called;
        execute v_sequence.newest into v_newest;
        was := case when v_called then was else was - 1 end;
        if sequence = 'evident.event_store_id_seq' then
            v_newest := greatest(
                v_newest,
                (select s.position from evident.feed_stamp as s),
                (
                    select h.last_event_id
                    from evident.tree_head as h
                    order by h.number desc
                    limit 1
                ),
                (select max(p.position) from evident.projection as p),
                (select max(p.position) from evident.consumer_partition as p),
                (select max(p.claimed_until) from evident.consumer_partition as p)
            );
            v_was := case when v_newest > was then was end;
            if v_newest > was or (was > 0 and not v_called) then
                alter sequence evident.event_store_id_seq cache 1;
            end if;
        end if;
        now := case
            when v_newest > was and v_sequence.is_token then v_newest + 1000000
            else greatest(was, coalesce(v_newest, 0))
        end;
        if now > was or (now > 0 and not v_called) then
            perform setval(sequence::regclass, now);
            v_moved := v_moved || jsonb_build_object(
                'sequence', sequence, 'was', was, 'now', now
            );
        end if;
        return next;
    end loop;
    if v_moved = '[]' then
        return;
    end if;

    for v_projection in
        select p.*
        from evident.projection as p
        where
            v_was is not null
            and (p.position > v_was or (p.mode = 'sync' and p.state = 'running'))
        order by p.number
    loop
        if v_projection.mode = 'sync' and v_projection.state = 'running' then
            perform evident._switch_triggers(v_projection, false);
            v_projection.state := 'catching_up';
        end if;
        update evident.projection as p
        set
            state = v_projection.state,
            position = 0,
            definition = case
                when (
                    select c.relkind = 'r' and pg_relation_size(c.oid) = 0
                    from pg_class as c
                    where c.oid = evident._read_model(v_projection)
                ) then p.definition
            end
        where p.name = v_projection.name;
        delete from evident.projection_failure as f
        where f.projection = v_projection.name;
        v_reset := v_reset || v_projection.name;
    end loop;

    select count(*)
    into v_below
    from evident.event_store as e
    where
        v_was is not null
        and e.occurred_at > (select s.stamped_at from evident.feed_stamp as s)
        and e.id <= (select s.position from evident.feed_stamp as s);
    if v_below > 0 then
        raise warning using
            message = format(
                '%s events were stored below the stamp, while the sequence was behind: '
                'readers of the feed have passed them', v_below
            ),
            hint = 'set consumers back to before them; projections are rebuilt';
    end if;
    perform evident._append_own_event(
        'SequencesRepaired',
        jsonb_build_object(
            'sequences', v_moved,
            'projections', v_reset,
            'events_below_stamp', v_below,
            'reason', 'rows came without their sequences'
        )
    );
end;
$function$;

comment on function evident.repair_sequences() is
'Sets each sequence of the store to the newest number of its rows, where it is behind,
and gives all of them: where each was, and is now. None goes back. Where that of the
event ids was behind, projections that appends kept, or that were beyond it, catch up by
run_projection, which begins with a rebuild unless the read model is empty. Appends
SequencesRepaired to the store''s own stream. For members of evident_owner, at READ
COMMITTED. Errors: PT500 the sequence does not count by 1; 55P03 when others were in the
way: call again.';

revoke all on function evident.repair_sequences() from public;
-- [end sql/functions/ledger/repair_sequences.sql]
-- [begin sql/functions/core/version.sql]
-- evident.version: the newest engine migration whose objects are in place.
--
-- Migration tools keep their own marks, and a crash between a migration's
-- commit and its mark leaves the two apart. This function is replaced inside
-- each migration's transaction, so it tells what the schema really is.

create or replace function evident.version()
returns text
language sql
immutable
parallel safe
begin atomic
    select '0008_ledger'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_consumer, evident_operator,
evident_monitor, evident_auditor;
-- [end sql/functions/core/version.sql]

do $do$
begin
    perform evident._close_types();
end;
$do$;

do $do$
begin
    perform evident._record_baseline();
end;
$do$;
