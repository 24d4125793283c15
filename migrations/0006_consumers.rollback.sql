-- Takes back 0006: consumers with their positions, and the stamp. Events stay.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

-- [begin generated rollback]
drop view evident.consumer_status;
drop function evident.skip_parked(text, uuid, text, text);
drop function evident.retry_parked(text, uuid, text, text);
drop function evident._unpark(evident.consumer_parked, integer, text, text, text);
drop function evident._lock_parked(text, uuid);
drop function evident.park_event(text, bigint, bigint, bigint, text);
drop function evident.release_events(text, bigint, bigint, boolean);
drop function evident.confirm_events(text, bigint, bigint, bigint);
drop function evident._confirm_waiting(evident.consumer_partition, bigint);
drop function evident.claim_events(text, text, bigint, interval);
drop function evident._claim_waiting(text, integer, bigint, bigint);
drop function evident._next_waiting(evident.consumer_parked, bigint, bigint);
drop function evident._next_events(text, integer, bigint, bigint, bigint);
drop function evident.drop_consumer(text);
drop function evident.seek_consumer(text, text, text, text);
drop function evident.create_consumer(text, bigint, text[], text);
drop function evident._position_of(text, text);
drop function evident._check_decision(text, text);
drop function evident._refuse_one_snapshot();
drop function evident._lock_lease(text, bigint, bigint);
drop function evident._refuse_consumer(text);
drop function evident._partition_of(uuid, integer);
drop function evident.stamp_position(boolean);
drop function evident._feed_position();
drop function evident._refuse_behind(boolean);
drop view evident._drawn;
revoke execute on function evident.safe_position() from evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
revoke select on table evident.feed_status from evident_reader, evident_operator, evident_auditor, evident_monitor;

-- [begin sql/functions/append/_refuse_sequence.sql]
-- evident._refuse_sequence: raise PT500 unless the event ids come in order.
--
-- A sequence that was set back would have events stored below those that are sealed.
-- The newest id is looked up before the sequence, which only grows.
--
-- Errors: PT500

create or replace function evident._refuse_sequence()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_newest constant bigint := (select max(e.id) from evident.event_store as e);
    v_last constant bigint := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );
begin
    if v_last < v_newest then
        raise exception using
            errcode = 'PT500',
            message = format(
                'the sequence of the event ids is behind its rows: it is at %s, the '
                'newest event has %s', v_last, v_newest
            ),
            detail = jsonb_build_object(
                'reason', 'the sequence is behind its rows',
                'sequence', 'evident.event_store_id_seq',
                'last_value', v_last,
                'newest_id', v_newest
            )::text,
            hint = format(
                'the owner of the store runs: select setval('
                '''evident.event_store_id_seq'', %s)', v_newest
            );
    end if;
    if evident._is_ordered('evident.event_store_id_seq'::regclass) then
        return;
    end if;
    raise exception using
        errcode = 'PT500',
        message = 'the sequence of the event ids does not hand them out in order: '
            'the feed would skip events',
        detail = (
            select
                jsonb_build_object(
                    'reason', 'the sequence caches, descends, jumps or cycles',
                    'sequence', 'evident.event_store_id_seq',
                    'cache', s.seqcache,
                    'increment', s.seqincrement,
                    'is_cycling', s.seqcycle
                )::text
            from pg_sequence as s
            where s.seqrelid = 'evident.event_store_id_seq'::regclass
        ),
        hint = 'the owner of the store runs: alter sequence'
            ' evident.event_store_id_seq increment 1 cache 1 no cycle';
end;
$function$;

comment on function evident._refuse_sequence() is
'Raises PT500 when the sequence of the event ids is behind its rows, caches, does not
count by 1, or cycles.';

revoke all on function evident._refuse_sequence() from public;
-- [end sql/functions/append/_refuse_sequence.sql]

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
    select '0005_guards'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]
-- [end generated rollback]

drop table evident.consumer_decision;
drop table evident.consumer_skip;
drop table evident.consumer_parked;
drop table evident.consumer_partition;
drop table evident.consumer;
drop table evident.feed_stamp;

do $do$
begin
    perform evident._record_baseline();
end;
$do$;
