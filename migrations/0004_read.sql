-- depends: 0003_append
-- Reading: one aggregate, and the feed of all events.
--
-- Locks: none. Rollback loses nothing.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

-- [begin sql/functions/append/aggregate_version.sql]
-- evident.aggregate_version: the newest version of one aggregate, 0 when it has
-- none.
--
-- Reads one index entry. Under READ COMMITTED the answer may be old by the time
-- it is used; append_event checks it again.

create or replace function evident.aggregate_version(p_aggregate_id uuid)
returns integer
language sql
stable
parallel safe
begin atomic
    select coalesce(max(e.version), 0)
    from evident.event_store as e
    where e.aggregate_id = p_aggregate_id;
end;

comment on function evident.aggregate_version(uuid) is
'The newest version of one aggregate, 0 when it has no events.';

revoke all on function evident.aggregate_version(uuid) from public;
grant execute on function evident.aggregate_version(uuid) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/append/aggregate_version.sql]
-- [begin sql/functions/append/read_aggregate.sql]
-- evident.read_aggregate: the events of one aggregate, by version.
--
-- Inlined into the calling query: a bare index scan.

create or replace function evident.read_aggregate(
    p_aggregate_id uuid,
    p_from_version bigint default 1,
    p_to_version bigint default null
)
returns setof evident.event_store
language sql
stable
parallel safe
begin atomic
    select e.*
    from evident.event_store as e
    where
        e.aggregate_id = p_aggregate_id
        and e.version >= coalesce(p_from_version, 1)
        and e.version <= coalesce(p_to_version, 2147483647)
    order by e.version;
end;

comment on function evident.read_aggregate(uuid, bigint, bigint) is
'The events of one aggregate in the order of their versions, from p_from_version
to p_to_version, both included; null leaves that end open. No rows when there
are none.';

revoke all on function evident.read_aggregate(uuid, bigint, bigint) from public;
grant execute on function evident.read_aggregate(uuid, bigint, bigint) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/append/read_aggregate.sql]
-- [begin sql/functions/feed/announcement.sql]
-- evident.announcement: the announcements of running appends, by lock.
--
-- The one definition of what holds the feed back: shared advisory locks of this
-- database whose key carries 17750 and a position (_announce_append), or 17757 and a
-- position beside random bits (_announce_again). Read by safe_position with its
-- caller's rights, and by feed_status.
--
-- Of two sources, since PostgreSQL 15 writes the definition of a view over one source
-- in another way than later versions, and guard_status compares definitions.

create or replace view evident.announcement as
select
    l.pid,
    l.virtualtransaction,
    case k.space
        when 17750 then k.key
        else ((k.key >> 25) & 262143) << (k.key >> 43)::integer
    end as position
from pg_locks as l
inner join lateral (
    values (
        l.classid::bigint >> 16,
        ((l.classid::bigint & 65535) << 32) | l.objid::bigint
    )
) as k (space, key) on true
where
    l.locktype = 'advisory'
    and l.database = (
        select d.oid
        from pg_database as d
        where d.datname = current_database()
    )
    and k.space in (17750, 17757)
    and l.objsubid = 1
    and l.mode = 'ShareLock'
    and l.granted;

comment on view evident.announcement is
'One row for each announcement of a running append: pid (null: a prepared
transaction), virtualtransaction, and the position that it announced.';

revoke all on table evident.announcement from public;
grant select on table evident.announcement to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/feed/announcement.sql]
-- [begin sql/functions/feed/safe_position.sql]
-- evident.safe_position: the id up to which the event store is complete.
--
-- Ids are drawn in one order and committed in another, so whoever reads
-- "everything after N" can step over an event that commits late. Every event
-- at or below this position is either visible to the caller's next statement
-- or will never exist.
--
-- Two statements, in this order. First the sequence's last value L. Then the
-- smallest position that a running transaction announced (_announce_append)
-- before it drew its first id. A writer that this second look does not see
-- either announced itself later, and then draws ids above L, or is over, and
-- then its events are visible: a transaction's locks go after its commit
-- shows. Hence the smaller of the two is safe, for a statement that takes its
-- snapshot after both. That is why the levels with one snapshot per
-- transaction are refused.
--
-- Only transactions that append hold it back, no matter how long others run.
--
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE, and on a standby, which does
-- not see the primary's announcements

create or replace function evident.safe_position()
returns bigint
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_last bigint;
    v_announced bigint;
begin
    if current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        raise exception using
            errcode = 'PT400',
            message = format(
                'the feed cannot be read at %s',
                upper(current_setting('transaction_isolation'))
            ),
            detail = jsonb_build_object(
                'argument', 'transaction_isolation',
                'reason', current_setting('transaction_isolation')
                    || ' has one snapshot for all statements'
            )::text,
            hint = 'read the feed at READ COMMITTED';
    end if;
    if pg_is_in_recovery() then
        raise exception using
            errcode = 'PT400',
            message = 'the feed cannot be read on a standby',
            detail = jsonb_build_object(
                'argument', 'server',
                'reason', 'a standby does not see the writers of its primary'
            )::text,
            hint = 'read the feed on the primary';
    end if;

    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );

    select min(((l.classid::bigint & 65535) << 32) | l.objid::bigint)
    into v_announced
    from pg_locks as l
    where
        l.locktype = 'advisory'
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        )
        and l.classid::bigint >> 16 = 17750
        and l.objsubid = 1
        and l.mode = 'ShareLock'
        and l.granted;

    return least(v_last, v_announced);
end;
$function$;

comment on function evident.safe_position() is
'The id up to which the event store is complete: each event at or below it is
visible to the next statement or will never exist. Errors: PT400 at REPEATABLE
READ and SERIALIZABLE, and on a standby.';

revoke all on function evident.safe_position() from public;
grant execute on function evident.safe_position() to evident_reader;
-- [end sql/functions/feed/safe_position.sql]
-- [begin sql/functions/feed/read_feed.sql]
-- evident.read_feed: all events in the order of their ids, none ever skipped.
--
-- The third of the watermark's three statements (see safe_position): the events
-- are read in a snapshot taken after the position is known. A consumer passes the
-- id of the last event that it has dealt with, and never misses one however late
-- it commits. Ids have gaps, left by appends that were refused or rolled back.
--
-- Runs with the caller's rights, row security included, and so raises by itself:
-- callers may not run internal functions.
--
-- Whoever asks behind an id that was never drawn has seen events that this store lost:
-- it was restored, or failed over, to an earlier state. New events get those ids again,
-- and would be stepped over; so that is said instead. Only looked at when the caller is
-- ahead of the safe position. A standby's own position is behind its primary's readers.
--
-- p_max_bytes ends a page by what its documents take as text. That makes text of each
-- of them, so it is only done when it is asked for; rows come one after the other, and
-- none is looked at behind the one that is too much.
--
-- The index on id is the only good plan at any size; a plan cached while the
-- table was small must not be another.
--
-- Errors: PT400, PT500

create or replace function evident.read_feed(
    p_after bigint default 0,
    p_limit bigint default 1000,
    p_event_types text[] default null,
    p_max_bytes bigint default null
)
returns setof evident.event_store
language plpgsql
volatile
parallel restricted
rows 1000
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $function$
declare
    v_until bigint;
    v_event evident.event_store;
    v_bytes bigint := 0;
    v_is_first boolean;
begin
    if p_after is null or p_after < 0 then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_after: null or below 0',
            detail = '{"argument": "p_after", "reason": "null or below 0"}',
            hint = 'pass the id of the last event dealt with, 0 at the start';
    end if;
    if p_limit is null or p_limit not between 1 and 10000 then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_limit: not between 1 and 10000',
            detail = '{"argument": "p_limit", "reason": "not between 1 and 10000"}',
            hint = 'read page after page';
    end if;
    if p_max_bytes < 1 then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_max_bytes: below 1',
            detail = '{"argument": "p_max_bytes", "reason": "below 1"}',
            hint = 'pass how many bytes a page may take, or null for any number';
    end if;

    v_until := evident.safe_position();
    if p_after > v_until
        and not pg_is_in_recovery()
        and p_after > coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        )
    then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_after: beyond the last id drawn',
            detail = '{"argument": "p_after", "reason": "beyond the last id drawn"}',
            hint = 'the store was set back to an earlier state, or is another one: find'
                ' the last event dealt with that it has, and go on behind it';
    end if;

    if p_max_bytes is null then
        return query
        select e.*
        from evident.event_store as e
        where
            e.id > p_after
            and e.id <= v_until
            and (p_event_types is null or e.event_type = any (p_event_types))
        order by e.id
        limit p_limit;
        return;
    end if;

    for v_event in
        select e.*
        from evident.event_store as e
        where
            e.id > p_after
            and e.id <= v_until
            and (p_event_types is null or e.event_type = any (p_event_types))
        order by e.id
        limit p_limit
    loop
        v_is_first := v_bytes = 0;
        v_bytes := v_bytes
            + octet_length(v_event.payload::text)
            + octet_length(v_event.metadata::text);
        exit when v_bytes > p_max_bytes and not v_is_first;
        return next v_event;
    end loop;
end;
$function$;

comment on function evident.read_feed(bigint, bigint, text[], bigint) is
'Up to p_limit (1 to 10000) events with an id above p_after in the order of their
ids, only of p_event_types unless that is null; at least one, then as many as fit
when their payloads and metadata may take p_max_bytes as text. Pass the id of the last
event dealt with to go on; no event is ever skipped. An empty answer means: nothing
new yet. Errors: PT400 invalid argument, an id that this store has not drawn, or a
transaction at REPEATABLE READ or SERIALIZABLE; PT500 as safe_position.';

revoke all on function evident.read_feed(bigint, bigint, text[], bigint) from public;
grant execute on function evident.read_feed(bigint, bigint, text[], bigint) to
evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/feed/read_feed.sql]
-- [begin sql/functions/feed/feed_status.sql]
-- evident.feed_status: how far the feed is, and who holds it back.
--
-- One row. The holder is the session, or the prepared transaction, whose
-- announcement is the smallest; it is looked up after the position and may be gone
-- by then. holder_started_at of other users' sessions needs pg_read_all_stats.

create or replace view evident.feed_status as
select
    p.head,
    p.safe_position,
    greatest(p.head - p.safe_position, 0) as lag,
    h.pid as holder_pid,
    coalesce(h.gid, h.application_name) as holder_name,
    h.started_at as holder_started_at
from (
    select
        s.safe_position,
        coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        ) as head
    from evident.safe_position() as s (safe_position)
) as p
left join lateral (
    select
        l.pid,
        x.gid,
        a.application_name,
        coalesce(x.prepared, a.xact_start) as started_at
    from pg_locks as l
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
    where
        l.locktype = 'advisory'
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        )
        and l.classid::bigint >> 16 = 17750
        and l.objsubid = 1
        and l.mode = 'ShareLock'
        and l.granted
        and ((l.classid::bigint & 65535) << 32) | l.objid::bigint
        <= p.safe_position
    order by
        ((l.classid::bigint & 65535) << 32) | l.objid::bigint,
        started_at
    limit 1
) as h on p.head > p.safe_position;

comment on view evident.feed_status is
'One row: head (last id drawn), safe_position (complete up to here), lag (ids
between them), and who holds the feed back: holder_pid, holder_name
(application or prepared transaction), holder_started_at. Readable at READ COMMITTED.';

revoke all on table evident.feed_status from public;
grant select on table evident.feed_status to evident_reader;
-- [end sql/functions/feed/feed_status.sql]

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
    select '0004_read'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]

do $do$
begin
    perform evident._close_types();
end;
$do$;
