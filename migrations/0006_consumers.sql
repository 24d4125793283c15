-- depends: 0005_guards
-- Consumers outside the database, and the stamp up to which standbys read the feed.
--
-- Locks: none on existing tables. Rollback loses every consumer and how far it was, and
-- the stamp; no events.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

create table evident.feed_stamp (
    is_only boolean not null default true
    constraint feed_stamp_is_only_pkey primary key,
    position bigint not null default 0,
    stamped_at timestamptz,
    constraint feed_stamp_is_only_check check (is_only)
)
with (fillfactor = 50);

comment on table evident.feed_stamp is
'One row: the newest stored safe position, where the feed of standbys ends.';
comment on column evident.feed_stamp.is_only is
'True: there is one row.';
comment on column evident.feed_stamp.position is
'All events at or below it were committed before this row was; see stamp_position.';

-- safe_position reads it with its caller's rights.
grant select on table evident.feed_stamp to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;

insert into evident.feed_stamp (position) values (0);

create table evident.consumer (
    name text not null
    constraint consumer_name_pkey primary key,
    partitions integer not null,
    event_types text [],
    created_at timestamptz not null default evident._now(),
    constraint consumer_name_check check (char_length(name) between 1 and 100),
    constraint consumer_partitions_check check (partitions between 1 and 1024)
);

comment on table evident.consumer is
'Consumers outside the database; see create_consumer.';
comment on column evident.consumer.event_types is
'What it gets, sorted; null: every type.';

-- A fencing token must never come again, also when a consumer of the same name does.
create sequence evident.consumer_epoch_seq as bigint;
-- Versions of rows of consumer_partition; see there.
create sequence evident.consumer_number_seq as bigint;

create table evident.consumer_partition (
    consumer text not null,
    partition integer not null,
    number bigint not null,
    position bigint not null default 0,
    epoch bigint not null default 0,
    worker text,
    lease interval,
    lease_expires_at timestamptz,
    claimed_at timestamptz,
    claimed_until bigint,
    claimed_aggregate_id uuid,
    attempted_id bigint,
    attempts bigint not null default 0,
    -- Each change gives the row a new number, so its newest version comes first in
    -- the index. Versions that an old snapshot keeps lie behind it, and nobody walks
    -- over them; with a key that stays, each look would, and each check of the key.
    constraint consumer_partition_consumer_partition_number_pkey
    primary key (consumer, partition, number),
    constraint consumer_partition_consumer_fkey
    foreign key (consumer) references evident.consumer (name) on delete cascade
)
with (fillfactor = 50);

-- So that repair_sequences finds what they have to be above.
alter sequence evident.consumer_epoch_seq owned by evident.consumer_partition.epoch;
alter sequence evident.consumer_number_seq owned by evident.consumer_partition.number;

comment on table evident.consumer_partition is
'How far each partition of a consumer is, and its newest claim: one row for each; see
claim_events.';
comment on column evident.consumer_partition.number is
'Another one, and a higher one, after each change.';
comment on column evident.consumer_partition.position is
'Every event of the partition at or below it is confirmed, skipped, or waits in
consumer_parked.';
comment on column evident.consumer_partition.epoch is
'Fencing token of the newest claim, from one sequence for all; 0 before the first.';
comment on column evident.consumer_partition.worker is
'Who has the newest claim; null when nothing of it is left to confirm.';
comment on column evident.consumer_partition.lease is
'How long the lease is, for renewals.';
comment on column evident.consumer_partition.claimed_until is
'The last id of the newest claim; null when nothing of it can be confirmed.';
comment on column evident.consumer_partition.claimed_aggregate_id is
'The aggregate whose waiting events the newest claim gave and that is not confirmed
to its end; null for a claim of the partition.';
comment on column evident.consumer_partition.attempted_id is
'The first event of the newest claim of the partition.';
comment on column evident.consumer_partition.attempts is
'How many claims in a row began with it.';

create table evident.consumer_parked (
    consumer text not null,
    partition integer not null,
    aggregate_id uuid not null,
    version integer not null,
    parked_version integer,
    refused_version integer,
    position bigint not null,
    reason text not null,
    worker text,
    parked_at timestamptz not null default evident._now(),
    retried_after bigint,
    number bigint not null default 0,
    attempted_version integer,
    attempts bigint not null default 0,
    constraint consumer_parked_consumer_partition_aggregate_id_pkey
    primary key (consumer, partition, aggregate_id),
    constraint consumer_parked_consumer_fkey
    foreign key (consumer) references evident.consumer (name) on delete cascade
);

-- Those of which something can be claimed, the one claimed longest ago first.
create index consumer_parked_consumer_partition_number_idx
on evident.consumer_parked (consumer, partition, number)
where version is distinct from parked_version;

comment on table evident.consumer_parked is
'Aggregates whose events wait for a consumer behind a parked one, or come again since
it was retried or skipped; see park_event.';
comment on column evident.consumer_parked.version is
'The first version that is not confirmed: from here on the aggregate is left out of
its partition.';
comment on column evident.consumer_parked.parked_version is
'The version at which it waits for a decision; null when it was retried or skipped.';
comment on column evident.consumer_parked.refused_version is
'The first version that was parked since the newest claim of what waits: confirmations
of that claim do not pass it, also when it was retried or skipped meanwhile.';
comment on column evident.consumer_parked.position is
'The id of the event that was parked last.';
comment on column evident.consumer_parked.retried_after is
'How far the partition was when the aggregate was retried or skipped last.';
comment on column evident.consumer_parked.number is
'Higher with each claim of what waits: who was claimed longest ago has the lowest.';
comment on column evident.consumer_parked.attempts is
'How many claims in a row began with attempted_version.';

create table evident.consumer_skip (
    consumer text not null,
    position bigint not null,
    aggregate_id uuid not null,
    version integer not null,
    actor text not null,
    reason text not null,
    message text not null,
    recorded_by text not null default session_user,
    skipped_at timestamptz not null default evident._now(),
    constraint consumer_skip_consumer_position_pkey primary key (consumer, position),
    constraint consumer_skip_actor_check check (char_length(actor) between 1 and 200),
    constraint consumer_skip_reason_check
    check (char_length(reason) between 1 and 1000),
    constraint consumer_skip_consumer_fkey
    foreign key (consumer) references evident.consumer (name) on delete cascade
);

comment on table evident.consumer_skip is
'Events that a consumer never gets, who decided it, and why; see skip_parked.';
comment on column evident.consumer_skip.position is
'The id of the event.';
comment on column evident.consumer_skip.message is
'Why it was parked.';

-- Without a foreign key: what was decided outlives the consumer.
create table evident.consumer_decision (
    number bigint generated always as identity
    constraint consumer_decision_number_pkey primary key,
    consumer text not null,
    kind text not null,
    partition integer,
    aggregate_id uuid,
    position_from bigint,
    position bigint,
    actor text,
    reason text,
    recorded_by text not null default session_user,
    recorded_at timestamptz not null default evident._now(),
    constraint consumer_decision_kind_check check (
        kind in ('created', 'parked', 'retried', 'skipped', 'sought', 'dropped')
    )
);

comment on table evident.consumer_decision is
'What was decided about consumers: created, parked, retried, skipped, sought, dropped;
by whom, and why.';
comment on column evident.consumer_decision.position_from is
'For a seek, the position before.';
comment on column evident.consumer_decision.position is
'The position that the consumer got, or the id of the event.';
comment on column evident.consumer_decision.actor is
'Who decided it, in his own words; the worker that parked it.';

-- A reason can quote a payload: those who watch get the rest.
grant select on table
evident.consumer_parked, evident.consumer_skip, evident.consumer_decision
to evident_operator, evident_auditor, evident_consumer;
grant select (
    consumer, partition, aggregate_id, version, parked_version, position, worker,
    parked_at, retried_after, attempts
) on table evident.consumer_parked to evident_monitor;
grant select (
    consumer, position, aggregate_id, version, actor, recorded_by, skipped_at
) on table evident.consumer_skip to evident_monitor;
grant select (
    number, consumer, kind, partition, aggregate_id, position_from, position, actor,
    recorded_by, recorded_at
) on table evident.consumer_decision to evident_monitor;

-- [begin sql/functions/append/_refuse_sequence.sql]
-- evident._refuse_sequence: raise PT500 unless the event ids come in order.
--
-- A sequence that was set back would have events stored below those that are sealed
-- (_refuse_behind); one that caches or cycles gives ids that the feed may have passed.
--
-- Errors: PT500

create or replace function evident._refuse_sequence()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._refuse_behind(p_may_start => true);
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
-- [begin sql/functions/feed/_drawn.sql]
-- evident._drawn: the ids of all events, and the position that readers have passed.
--
-- What the sequence of the event ids has to be at or above (_refuse_behind). A view, so
-- that whoever reads the feed may look, without a right to the events, and nobody's row
-- security hides one.

create or replace view evident._drawn as
select e.id
from evident.event_store as e
union all
select s.position as id
from evident.feed_stamp as s;

comment on view evident._drawn is
'The ids of all events, and the newest stamp: numbers that must not be drawn again.';

revoke all on table evident._drawn from public;
grant select on table evident._drawn to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/feed/_drawn.sql]
-- [begin sql/functions/feed/_refuse_behind.sql]
-- evident._refuse_behind: raise PT500 when the sequence of the ids is behind its rows.
--
-- Rows come without their sequence by logical replication, a restore of parts, or an
-- owner's setval. The feed would end before them, and new events would get ids below
-- those that readers have passed. So the feed, the seal and the long path of each
-- append ask; the short one when it is planned (_is_ordered), and where an id is taken.
--
-- First one look for any number above the last one drawn, which is at the end of an
-- index: mostly there is none, or an append that was quicker than this. Then for the
-- newest, which was drawn before the sequence is looked at again.
--
-- A sequence that an owner has restarted gives no last value until it is drawn from, so
-- the feed ends at 0 then. An append may follow (p_may_start) where its id is above all
-- others; the feed may not be read before that, or it would look empty.
--
-- A standby draws no ids. There the stamp alone says how far the feed is, so that it
-- must be there.
--
-- Runs with its caller's rights.
-- Errors: PT500

create or replace function evident._refuse_behind(p_may_start boolean default false)
returns void
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- The stamp has one row, and no other way to it: see _require_projector.
set jit = off
as $function$
declare
    v_last bigint;
    v_newest bigint;
begin
    if pg_is_in_recovery() then
        if not exists (select from evident.feed_stamp as s) then
            raise exception using
                errcode = 'PT500',
                message = 'the feed of this standby has no end: its stamp is gone',
                detail = '{"reason": "feed_stamp has no row"}',
                hint = 'on the primary, as a member of evident_owner: '
                    'select evident.initialize_log()';
        end if;
        return;
    end if;

    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );
    perform
    from evident._drawn as d
    where d.id > v_last
    order by d.id
    limit 1;
    if not found then
        return;
    end if;

    v_newest := (
        select d.id
        from evident._drawn as d
        order by d.id desc
        limit 1
    );
    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass),
        case
            when p_may_start
                then (select s.last_value - 1 from evident.event_store_id_seq as s)
        end,
        0
    );
    if v_last < v_newest then
        raise exception using
            errcode = 'PT500',
            message = format(
                'the sequence of the event ids is behind its rows: it is at %s, and '
                '%s was drawn before', v_last, v_newest
            ),
            detail = jsonb_build_object(
                'reason', 'the sequence is behind its rows',
                'sequence', 'evident.event_store_id_seq',
                'last_value', v_last,
                'newest', v_newest
            )::text,
            hint = 'as a member of evident_owner: '
                'select * from evident.repair_sequences()';
    end if;
end;
$function$;

comment on function evident._refuse_behind(boolean) is
'Raises PT500 when the sequence of the event ids is behind an event or the stamp; on a
standby when there is no stamp.';

revoke all on function evident._refuse_behind(boolean) from public;
grant execute on function evident._refuse_behind(boolean) to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/feed/_refuse_behind.sql]
-- [begin sql/functions/feed/_feed_position.sql]
-- evident._feed_position: where the feed ends now, for a statement that begins later.
--
-- The two looks of safe_position, which tells why they stand in this order. Never
-- refuses, for status views: a snapshot that was taken before may lack events at or
-- below the position, so at REPEATABLE READ nobody may read up to it.

create or replace function evident._feed_position()
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
    if pg_is_in_recovery() then
        return coalesce((select s.position from evident.feed_stamp as s), 0);
    end if;

    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );

    select min(a.position)
    into v_announced
    from evident.announcement as a;

    return least(v_last, v_announced);
end;
$function$;

comment on function evident._feed_position() is
'Where the feed ends at this moment; see safe_position.';

revoke all on function evident._feed_position() from public;
grant execute on function evident._feed_position() to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/feed/_feed_position.sql]
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
-- A standby does not see the primary's announcements. There the position is the
-- newest stamp (stamp_position): whatever is at or below it was committed before
-- the stamp, and a standby makes commits visible in the order of the log.
--
-- A sequence that is behind its rows would end the feed before them: that is refused
-- (_refuse_behind), not answered.
--
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500

create or replace function evident.safe_position()
returns bigint
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
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
    perform evident._refuse_behind();
    return evident._feed_position();
end;
$function$;

comment on function evident.safe_position() is
'The id up to which the event store is complete: each event at or below it is
visible to the next statement or will never exist. On a standby it is the newest
position that stamp_position has stored. Errors: PT400 at REPEATABLE READ and
SERIALIZABLE; PT500 the sequence of the ids is behind its rows, or a standby has no
stamp.';

revoke all on function evident.safe_position() from public;
grant execute on function evident.safe_position() to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/feed/safe_position.sql]
-- [begin sql/functions/feed/feed_status.sql]
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
    h.started_at as holder_started_at
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
(application or prepared transaction), holder_started_at. On a standby: the newest
event, the newest stamp, and no holder. Readable at READ COMMITTED.';

revoke all on table evident.feed_status from public;
grant select on table evident.feed_status to
evident_reader, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/feed/feed_status.sql]
-- [begin sql/functions/feed/stamp_position.sql]
-- evident.stamp_position: store the safe position, for standbys and for waiters.
--
-- A standby cannot tell who is writing on its primary; it reads up to the newest
-- stamp instead. Everything at or below a position was visible when
-- the position was taken, so its commit stands in the log before the stamp's, and a
-- standby that shows the stamp shows all of it.
--
-- A stamp never goes back: the row is locked, and its newest version compared. Nobody
-- waits for another stamper; who finds one at work leaves it to that one.
--
-- NOTIFY is sent here, once for each stamp that moved, and never by an append: its
-- commit takes a lock that all notifying transactions of the cluster share.
--
-- Locks: the one row of feed_stamp, skipped when it is locked.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500; 25006 on a standby

create or replace function evident.stamp_position(p_must_notify boolean default false)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_position bigint := evident.safe_position();
begin
    perform
    from evident.feed_stamp as s
    where s.position < v_position
    for no key update skip locked;

    if not found then
        select s.position
        into v_position
        from evident.feed_stamp as s;
        if not found then
            raise exception using
                errcode = 'PT500',
                message = 'the stamp has nowhere to be stored',
                detail = '{"reason": "feed_stamp has no row"}',
                hint = 'as a member of evident_owner: select evident.initialize_log()';
        end if;
        return v_position;
    end if;

    update evident.feed_stamp as s
    set
        position = v_position,
        stamped_at = evident._now()
    where s.is_only;

    if p_must_notify then
        perform pg_notify('evident', v_position::text);
    end if;
    return v_position;
end;
$function$;

comment on function evident.stamp_position(boolean) is
'Stores the safe position, which is where the feed of standbys ends, and gives the
position that is stored now. It never goes back. With p_must_notify one NOTIFY evident
with the position is sent when it moved. For READ COMMITTED on the primary: call it at
intervals. Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500 the row of
feed_stamp is gone, or the sequence of the ids is behind its rows.';

revoke all on function evident.stamp_position(boolean) from public;
grant execute on function evident.stamp_position(boolean) to evident_operator;
-- [end sql/functions/feed/stamp_position.sql]
-- [begin sql/functions/consumers/_partition_of.sql]
-- evident._partition_of: which of a consumer's partitions an aggregate belongs to.
--
-- Hashed as PostgreSQL does it for hash partitions, so the answer outlives upgrades;
-- it differs between little-endian and big-endian machines. One aggregate is in one
-- partition, which keeps its order. Inlined by the planner.

create or replace function evident._partition_of(
    p_aggregate_id uuid,
    p_partitions integer
)
returns integer
language sql
immutable
parallel safe
begin atomic
    select (
        (uuid_hash_extended(p_aggregate_id, 0) & 9223372036854775807) % p_partitions
    )::integer;
end;

comment on function evident._partition_of(uuid, integer) is
'The partition of an aggregate, 0 to p_partitions - 1.';

revoke all on function evident._partition_of(uuid, integer) from public;
-- [end sql/functions/consumers/_partition_of.sql]
-- [begin sql/functions/consumers/_refuse_consumer.sql]
-- evident._refuse_consumer: raise PT404 for a consumer that does not exist.
--
-- Errors: PT404, always.

create or replace function evident._refuse_consumer(p_consumer text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT404',
        message = format('consumer %s does not exist', evident._short(p_consumer)),
        detail = jsonb_build_object('name', evident._short(p_consumer))::text,
        hint = 'check the name, or create it with create_consumer';
end;
$function$;

comment on function evident._refuse_consumer(text) is
'Raises PT404 with the detail {"name"}.';

revoke all on function evident._refuse_consumer(text) from public;
-- [end sql/functions/consumers/_refuse_consumer.sql]
-- [begin sql/functions/consumers/_lock_lease.sql]
-- evident._lock_lease: lock a partition whose newest claim is the caller's.
--
-- The epoch is the fencing token: it changes with each claim, and never comes again,
-- not even when a consumer is dropped and created anew. A lease that ran out
-- is still its worker's until somebody else claims the partition. The newest version
-- of the row is the first in the index: nothing walks over older ones.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423

create or replace function evident._lock_lease(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint
)
returns evident.consumer_partition
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_lease evident.consumer_partition;
begin
    if p_partition is null or p_epoch is null then
        perform evident._refuse_argument(
            case when p_partition is null then 'p_partition' else 'p_epoch' end,
            'null',
            'pass what claim_events gave'
        );
    end if;

    select p.*
    into v_lease
    from evident.consumer_partition as p
    where p.consumer = p_consumer and p.partition = p_partition
    order by p.number desc
    limit 1
    for no key update;

    if not found then
        if not exists (
            select from evident.consumer as c where c.name = p_consumer
        ) then
            perform evident._refuse_consumer(p_consumer);
        end if;
        perform evident._refuse_argument(
            'p_partition',
            'the consumer has no such partition',
            'pass what claim_events gave'
        );
    end if;

    if v_lease.epoch = 0 or v_lease.epoch <> p_epoch then
        raise exception using
            errcode = 'PT423',
            message = format(
                'partition %s of consumer %s is at epoch %s, not %s',
                p_partition, p_consumer, v_lease.epoch, p_epoch
            ),
            detail = jsonb_build_object(
                'name', p_consumer,
                'epoch', v_lease.epoch
            )::text,
            hint = 'the events are another worker''s now: leave them and claim again';
    end if;
    return v_lease;
end;
$function$;

comment on function evident._lock_lease(text, bigint, bigint) is
'Locks and gives the row of a partition that was claimed with this epoch last. Errors:
PT400 invalid argument, PT404 no such consumer, PT423 claimed by another since.';

revoke all on function evident._lock_lease(text, bigint, bigint) from public;
-- [end sql/functions/consumers/_lock_lease.sql]
-- [begin sql/functions/consumers/_refuse_one_snapshot.sql]
-- evident._refuse_one_snapshot: refuse a transaction that keeps one snapshot.
--
-- What waits for a lock must then see what the one before it did. At REPEATABLE READ
-- it could fold up to an old checkpoint, or onto old rows, and nobody would notice.
--
-- Errors: PT400

create or replace function evident._refuse_one_snapshot()
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        perform evident._refuse_argument(
            'transaction_isolation',
            current_setting('transaction_isolation')
            || ' has one snapshot for all statements',
            'call it at READ COMMITTED'
        );
    end if;
end;
$function$;

comment on function evident._refuse_one_snapshot() is
'Raises PT400 at REPEATABLE READ and SERIALIZABLE.';

revoke all on function evident._refuse_one_snapshot() from public;
-- [end sql/functions/consumers/_refuse_one_snapshot.sql]
-- [begin sql/functions/consumers/_check_decision.sql]
-- evident._check_decision: refuse a decision without who decided it, and why.
--
-- The whole length: blanks at the ends are stored as well.
--
-- Errors: PT400

create or replace function evident._check_decision(p_actor text, p_reason text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if coalesce(char_length(p_actor), 0) not between 1 and 200
        or trim(p_actor) = ''
    then
        perform evident._refuse_argument(
            'p_actor', 'not a text of 1 to 200 characters', 'name who decided it'
        );
    end if;
    if coalesce(char_length(p_reason), 0) not between 1 and 1000
        or trim(p_reason) = ''
    then
        perform evident._refuse_argument(
            'p_reason', 'not a text of 1 to 1000 characters', 'tell why'
        );
    end if;
end;
$function$;

comment on function evident._check_decision(text, text) is
'Raises PT400 unless p_actor has 1 to 200 characters and p_reason 1 to 1000.';

revoke all on function evident._check_decision(text, text) from public;
-- [end sql/functions/consumers/_check_decision.sql]
-- [begin sql/functions/consumers/_position_of.sql]
-- evident._position_of: the position that a text means: 'start', 'now', or a number.
--
-- 'now' is the safe position: nothing at or below it appears any more, and what is
-- above it comes. A number above it would leave out events that are not there yet.
--
-- Errors: PT400

create or replace function evident._position_of(p_argument text, p_text text)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_safe constant bigint := evident.safe_position();
begin
    if p_text = 'start' then
        return 0;
    elsif p_text = 'now' then
        return v_safe;
    elsif p_text ~ '^[0-9]{1,19}$' and p_text::numeric <= v_safe then
        return p_text::bigint;
    end if;
    perform evident._refuse_argument(
        p_argument,
        'not start, now, or a position from 0 to the safe position ' || v_safe,
        'pass the id of the last event that the consumer is to leave out'
    );
end;
$function$;

comment on function evident._position_of(text, text) is
'The position that start, now, or a number means. Errors: PT400 none, or above the safe
position; at REPEATABLE READ and SERIALIZABLE.';

revoke all on function evident._position_of(text, text) from public;
-- [end sql/functions/consumers/_position_of.sql]
-- [begin sql/functions/consumers/create_consumer.sql]
-- evident.create_consumer: name a consumer outside the database.
--
-- Each partition has a position of its own, beginning before the first event, or where
-- p_from says: with 'now' behind the safe position, so that nothing appears below it
-- later and everything above it comes. The number of partitions is fixed: with another
-- one, aggregates would change places between positions. So a repeated call with the
-- same definition does nothing, and one with another is refused.
--
-- Errors: PT400

create or replace function evident.create_consumer(
    p_consumer text,
    p_partitions bigint default 1,
    p_event_types text[] default null,
    p_from text default null
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_event_types text[];
    v_existing record;
    v_position bigint;
begin
    if p_consumer is null or char_length(p_consumer) not between 1 and 100 then
        perform evident._refuse_argument(
            'p_consumer',
            'not a text of 1 to 100 characters',
            'name the consumer after what it does with the events'
        );
    end if;
    if p_partitions is null or p_partitions not between 1 and 1024 then
        perform evident._refuse_argument(
            'p_partitions',
            'not between 1 and 1024',
            'pass how many workers may be at work at the same time'
        );
    end if;

    if cardinality(p_event_types) > 1000 then
        perform evident._refuse_argument(
            'p_event_types', 'more than 1000 types', 'pass null for all'
        );
    end if;

    -- In one order and each once, so that equal sets are equal definitions.
    select array_agg(
        distinct t.event_type collate "C" order by t.event_type collate "C"
    )
    into v_event_types
    from unnest(p_event_types) as t (event_type);

    if p_event_types is not null and not coalesce((
        select bool_and(coalesce(char_length(t.event_type) between 1 and 100, false))
        from unnest(p_event_types) as t (event_type)
    ), false)
    then
        perform evident._refuse_argument(
            'p_event_types',
            'not an array of texts of 1 to 100 characters',
            'list the types that the consumer wants, or pass null for all'
        );
    end if;

    v_position := case
        when p_from is null then 0
        else evident._position_of('p_from', p_from)
    end;

    for v_attempt in 1..100 loop
        insert into evident.consumer as c (name, partitions, event_types)
        values (p_consumer, p_partitions, v_event_types)
        on conflict (name) do nothing;

        if found then
            insert into evident.consumer_partition as p (
                consumer, partition, number, position
            )
            select
                p_consumer,
                n.number,
                nextval('evident.consumer_number_seq'),
                v_position
            from generate_series(0, p_partitions - 1) as n (number);
            insert into evident.consumer_decision as d (consumer, kind, position)
            values (p_consumer, 'created', v_position);
            return;
        end if;

        select
            c.partitions,
            c.event_types
        into v_existing
        from evident.consumer as c
        where c.name = p_consumer;

        -- Unless it was dropped in between.
        exit when found;
    end loop;
    if v_existing.partitions is null then
        raise exception using
            errcode = 'serialization_failure',
            message = format(
                'consumer %s is not made: it came and went a hundred times', p_consumer
            ),
            detail = jsonb_build_object('name', p_consumer)::text,
            hint = 'call again';
    end if;

    if v_existing.partitions <> p_partitions then
        perform evident._refuse_argument(
            'p_partitions',
            format('consumer %s has %s', p_consumer, v_existing.partitions),
            'drop_consumer first; the new one begins where p_from says'
        );
    end if;
    if v_existing.event_types is distinct from v_event_types then
        perform evident._refuse_argument(
            'p_event_types',
            format('consumer %s has others', p_consumer),
            'drop_consumer first; the new one begins where p_from says'
        );
    end if;
end;
$function$;

comment on function evident.create_consumer(text, bigint, text[], text) is
'Makes a consumer outside the database: p_consumer, its name of 1 to 100 characters;
p_partitions, 1 to 1024, how many workers can be at work at once; p_event_types, 1,000
at most, or null for all; p_from, where a new consumer begins: null or start, before the
first event; now, behind the newest that is safe; or a position as text. The same call
again does nothing, whatever p_from is. Errors: PT400 invalid argument, or a
consumer of that name with another definition.';

revoke all on function evident.create_consumer(text, bigint, text[], text) from public;
grant execute on function evident.create_consumer(text, bigint, text[], text)
to evident_operator;
-- [end sql/functions/consumers/create_consumer.sql]
-- [begin sql/functions/consumers/seek_consumer.sql]
-- evident.seek_consumer: set all partitions of a consumer to one position.
--
-- Leases that run end here: their workers get PT423. Parked aggregates stay as they
-- are: what waits behind a parked event is neither lost by a seek forward nor
-- overtaken after a seek back, and what was skipped stays skipped.
--
-- Locks: the rows of all its partitions, in their order, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident.seek_consumer(
    p_consumer text,
    p_position text,
    p_actor text,
    p_reason text
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_position bigint;
begin
    perform evident._check_decision(p_actor, p_reason);
    v_position := evident._position_of('p_position', p_position);

    perform
    from evident.consumer_partition as p
    where p.consumer = p_consumer
    order by p.partition
    for no key update;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;

    insert into evident.consumer_decision as d (
        consumer, kind, partition, position_from, position, actor, reason
    )
    select
        p.consumer,
        'sought',
        p.partition,
        p.position,
        v_position,
        p_actor,
        p_reason
    from evident.consumer_partition as p
    where p.consumer = p_consumer
    order by p.partition;

    update evident.consumer_partition as p
    set
        number = nextval('evident.consumer_number_seq'),
        epoch = nextval('evident.consumer_epoch_seq'),
        position = v_position,
        worker = null,
        lease = null,
        lease_expires_at = null,
        claimed_until = null,
        claimed_aggregate_id = null,
        attempted_id = null,
        attempts = 0
    where p.consumer = p_consumer;
    return v_position;
end;
$function$;

comment on function evident.seek_consumer(text, text, text, text) is
'Sets all partitions of p_consumer to p_position: start (before the first event), now
(behind the newest that is safe), or a position as text, up to the safe one; events
above it come, once more or for the first time. Gives the position. Running leases end
(PT423), parked aggregates wait on, skipped events stay left out. Recorded in
consumer_decision with p_actor (1 to 200 characters) and p_reason (1 to 1000). For READ
COMMITTED. Errors: PT400 invalid argument, PT404 no such consumer.';

revoke all on function evident.seek_consumer(text, text, text, text) from public;
grant execute on function evident.seek_consumer(text, text, text, text)
to evident_operator;
-- [end sql/functions/consumers/seek_consumer.sql]
-- [begin sql/functions/consumers/drop_consumer.sql]
-- evident.drop_consumer: forget a consumer and its positions.
--
-- Waits for calls that hold a row of it, and a worker that still has events of it
-- gets PT404, or PT423 when there is a new consumer of that name. The partitions are
-- locked before the consumer, as by those who park an event. What was decided about it
-- stays in consumer_decision.
--
-- Locks: the rows of its partitions, in their order, then the consumer's.
-- Errors: PT404

create or replace function evident.drop_consumer(p_consumer text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
begin
    perform
    from evident.consumer_partition as p
    where p.consumer = p_consumer
    order by p.partition
    for update;

    delete from evident.consumer as c
    where c.name = p_consumer;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;

    insert into evident.consumer_decision as d (consumer, kind)
    values (p_consumer, 'dropped');
end;
$function$;

comment on function evident.drop_consumer(text) is
'Forgets a consumer and how far it was; what was decided about it stays in
consumer_decision. Errors: PT404 no such consumer.';

revoke all on function evident.drop_consumer(text) from public;
grant execute on function evident.drop_consumer(text) to evident_operator;
-- [end sql/functions/consumers/drop_consumer.sql]
-- [begin sql/functions/consumers/_next_events.sql]
-- evident._next_events: the ids of a partition's next events, as many as a claim takes.
--
-- At least one event, then as many as fit into 16 MiB of text, so that what works on
-- them needs no more memory, whatever is stored. How far that is is found row by row,
-- and ends with the row that is too much.
--
-- Events that wait behind a parked one are left out, and what was skipped. Both are
-- looked up by key for each event, and only where there is any: a plan must not depend
-- on how many there were when it was made.
--
-- The index on id is the only good plan at any size; see read_feed.
-- The caller has the partition's row locked.

create or replace function evident._next_events(
    p_consumer text,
    p_partition integer,
    p_after bigint,
    p_until bigint,
    p_limit bigint
)
returns bigint[]
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $function$
declare
    v_consumer evident.consumer;
    v_event record;
    v_ids bigint [] := '{}'::bigint [];
    v_bytes bigint := 0;
    v_has_parked constant boolean := exists (
        select
        from evident.consumer_parked as w
        where w.consumer = p_consumer and w.partition = p_partition
    );
    v_has_skipped constant boolean := exists (
        select
        from evident.consumer_skip as s
        where s.consumer = p_consumer and s.position > p_after
    );
begin
    select c.*
    into v_consumer
    from evident.consumer as c
    where c.name = p_consumer;

    for v_event in
        select
            e.id,
            octet_length(e.payload::text) + octet_length(e.metadata::text) as bytes
        from evident.event_store as e
        where
            e.id > p_after
            and e.id <= p_until
            and (
                v_consumer.event_types is null
                or e.event_type = any (v_consumer.event_types)
            )
            and evident._partition_of(e.aggregate_id, v_consumer.partitions)
            = p_partition
            and (
                not v_has_parked
                or (
                    select w.version <= e.version
                    from evident.consumer_parked as w
                    where
                        w.consumer = p_consumer
                        and w.partition = p_partition
                        and w.aggregate_id = e.aggregate_id
                    limit 1
                ) is not true
            )
            and (
                not v_has_skipped
                or (
                    select true
                    from evident.consumer_skip as s
                    where s.consumer = p_consumer and s.position = e.id
                    limit 1
                ) is null
            )
        order by e.id
        limit p_limit
    loop
        v_bytes := v_bytes + v_event.bytes;
        exit when v_bytes > 16777216 and v_ids <> '{}';
        v_ids := v_ids || v_event.id;
    end loop;
    return v_ids;
end;
$function$;

comment on function evident._next_events(text, integer, bigint, bigint, bigint) is
'The ids of the events that the next claim of a partition gives.';

revoke all on function evident._next_events(text, integer, bigint, bigint, bigint)
from public;
-- [end sql/functions/consumers/_next_events.sql]
-- [begin sql/functions/consumers/_next_waiting.sql]
-- evident._next_waiting: the ids of an aggregate's events that come again.
--
-- In the order of its versions, from the first that is not confirmed to where it is
-- parked again or the partition has come: what is behind that, the partition gives
-- once nothing waits any more. Bounded as _next_events is.
--
-- Ids rise with the versions of one aggregate, so the first id above the partition's
-- position ends the look, however long the aggregate is.
-- The caller has the partition's row locked.

create or replace function evident._next_waiting(
    p_waiting evident.consumer_parked,
    p_until bigint,
    p_limit bigint
)
returns bigint[]
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $function$
declare
    v_event record;
    v_ids bigint [] := '{}'::bigint [];
    v_bytes bigint := 0;
    v_event_types constant text [] := (
        select c.event_types
        from evident.consumer as c
        where c.name = p_waiting.consumer
    );
begin
    for v_event in
        select
            e.id,
            octet_length(e.payload::text) + octet_length(e.metadata::text) as bytes,
            v_event_types is null or e.event_type = any (v_event_types) as is_wanted
        from evident.event_store as e
        where
            e.aggregate_id = p_waiting.aggregate_id
            and e.version >= p_waiting.version
            and (
                p_waiting.parked_version is null
                or e.version < p_waiting.parked_version
            )
        order by e.version
    loop
        exit when v_event.id > p_until or cardinality(v_ids) = p_limit;
        continue when not v_event.is_wanted or exists (
            select
            from evident.consumer_skip as s
            where s.consumer = p_waiting.consumer and s.position = v_event.id
        );
        v_bytes := v_bytes + v_event.bytes;
        exit when v_bytes > 16777216 and v_ids <> '{}';
        v_ids := v_ids || v_event.id;
    end loop;
    return v_ids;
end;
$function$;

comment on function
evident._next_waiting(evident.consumer_parked, bigint, bigint) is
'The ids of the events that the next claim of an aggregate that waited gives.';

revoke all on function
evident._next_waiting(evident.consumer_parked, bigint, bigint) from public;
-- [end sql/functions/consumers/_next_waiting.sql]
-- [begin sql/functions/consumers/_claim_waiting.sql]
-- evident._claim_waiting: find what a partition gives of aggregates that were retried.
--
-- The aggregate that was claimed longest ago comes first, so that one that fails
-- again does not keep the others. One of which nothing waits any more is a
-- part of its partition again, unless it is parked further on.
--
-- Gives the aggregate, its events, how often the first one was claimed with this time,
-- and how far the partition was when it was retried; nothing when nothing waits.
-- The caller has the partition's row locked.

create or replace function evident._claim_waiting(
    p_consumer text,
    p_partition integer,
    p_position bigint,
    p_limit bigint
)
returns table (
    aggregate_id uuid,
    ids bigint[],
    attempts bigint,
    retried_after bigint
)
language plpgsql
volatile
parallel unsafe
rows 1
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_waiting evident.consumer_parked;
begin
    for v_waiting in
        select w.*
        from evident.consumer_parked as w
        where
            w.consumer = p_consumer
            and w.partition = p_partition
            and w.version is distinct from w.parked_version
        order by w.number
    loop
        ids := evident._next_waiting(v_waiting, p_position, p_limit);

        if ids <> '{}' then
            update evident.consumer_parked as w
            set
                number = nextval('evident.consumer_number_seq'),
                attempts = case
                    when w.attempted_version = w.version then w.attempts + 1
                    else 1
                end,
                attempted_version = w.version,
                refused_version = null
            where
                w.consumer = p_consumer
                and w.partition = p_partition
                and w.aggregate_id = v_waiting.aggregate_id
            returning w.aggregate_id, w.attempts, w.retried_after
            into aggregate_id, attempts, retried_after;
            return next;
            return;
        elsif v_waiting.parked_version is null then
            delete from evident.consumer_parked as w
            where
                w.consumer = p_consumer
                and w.partition = p_partition
                and w.aggregate_id = v_waiting.aggregate_id;
        elsif v_waiting.position <= p_position then
            -- Nothing is left before the event at which it is parked.
            update evident.consumer_parked as w
            set version = w.parked_version
            where
                w.consumer = p_consumer
                and w.partition = p_partition
                and w.aggregate_id = v_waiting.aggregate_id;
        end if;
    end loop;
end;
$function$;

comment on function
evident._claim_waiting(text, integer, bigint, bigint) is
'What a claim of a partition gives of an aggregate that was retried; no row for
nothing.';

revoke all on function
evident._claim_waiting(text, integer, bigint, bigint) from public;
-- [end sql/functions/consumers/_claim_waiting.sql]
-- [begin sql/functions/consumers/claim_events.sql]
-- evident.claim_events: lease one partition of a consumer and give its next events.
--
-- The statements stand in this order, each with its own snapshot. First the safe
-- position: below it nothing appears any more, so what is claimed has no hole.
-- Then the free partitions, and the lock on one: by its number, which each change
-- raises, so that a lease which was taken meanwhile counts, and `skip locked`, so that
-- workers never wait for each other. A consumer that was dropped and made anew has
-- other numbers. Then, when nobody else can move the partition, its events.
--
-- What was claimed longest ago comes first, by the epoch: a clock that was set back
-- would keep a partition waiting that was claimed before that.
--
-- A second worker skips the partition while this call is not committed, and
-- sees the lease afterwards.
--
-- A claim gives either the partition's next events, or those of one aggregate that
-- waited behind a parked event and was retried. The latter come first, but not
-- twice in a row before one was confirmed to its end: events that fail again leave
-- the rest of the partition its turns.
--
-- The safe position may be behind what another worker has claimed: learned before that
-- claim, or gone back, when a writer announced what it had read long ago. What was
-- safe once is safe for ever, so the end of that claim counts as well. For what its
-- worker parked and an operator retried must not be taken for events that the partition
-- has yet to reach: the lease holds still, and its confirmation would pass them.
--
-- A free partition in which nothing is new has its position moved up, so that the next
-- look there is short; nobody's events are unconfirmed in it, for they would be found.
--
-- Locks: the rows of the partitions that it leases or moves, never waiting.
-- Errors: PT400, PT404; 25006 on a standby

create or replace function evident.claim_events(
    p_consumer text,
    p_worker text,
    p_limit bigint default 100,
    p_lease interval default '30 seconds'
)
returns table (
    partition integer,
    epoch bigint,
    lease_expires_at timestamptz,
    id bigint,
    aggregate_id uuid,
    version integer,
    event_type text,
    payload jsonb,
    metadata jsonb,
    event_id uuid,
    occurred_at timestamptz,
    recorded_by text,
    attempts bigint,
    retried_after bigint
)
language plpgsql
volatile
parallel unsafe
security definer
rows 100
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
set enable_bitmapscan = off
as $function$
declare
    v_until bigint;
    v_claimable bigint;
    v_now timestamptz;
    v_free record;
    v_aggregate_id uuid;
    v_attempts bigint;
    v_retried_after bigint;
    v_ids bigint [];
begin
    if p_worker is null or char_length(p_worker) not between 1 and 100 then
        perform evident._refuse_argument(
            'p_worker',
            'not a text of 1 to 100 characters',
            'name the worker, so that consumer_status can tell who is at work'
        );
    end if;
    if p_limit is null or p_limit not between 1 and 10000 then
        perform evident._refuse_argument(
            'p_limit',
            'not between 1 and 10000',
            'claim as much as is done within one lease'
        );
    end if;
    if p_lease is null or p_lease <= interval '0' or p_lease > interval '1 day' then
        perform evident._refuse_argument(
            'p_lease',
            'not above 0 and at most 1 day',
            'pass how long the events may take; a confirmation renews the lease'
        );
    end if;

    v_until := evident.safe_position();

    if not exists (select from evident.consumer as c where c.name = p_consumer) then
        perform evident._refuse_consumer(p_consumer);
    end if;

    v_now := evident._now();

    for v_free in
        select
            p.partition,
            p.number,
            p.position,
            p.claimed_until,
            p.claimed_aggregate_id
        from evident.consumer as c
        cross join generate_series(0, c.partitions - 1) as n (number)
        cross join lateral (
            select q.*
            from evident.consumer_partition as q
            where q.consumer = c.name and q.partition = n.number
            order by q.number desc
            limit 1
        ) as p
        where
            c.name = p_consumer
            and (p.lease_expires_at is null or p.lease_expires_at <= v_now)
            and (
                p.position < v_until
                or exists (
                    select
                    from evident.consumer_parked as w
                    where
                        w.consumer = c.name
                        and w.partition = n.number
                        and w.version is distinct from w.parked_version
                )
            )
        order by p.epoch, p.partition
    loop
        perform
        from evident.consumer_partition as p
        where
            p.consumer = p_consumer
            and p.partition = v_free.partition
            and p.number = v_free.number
        for no key update skip locked;
        continue when not found;

        v_claimable := greatest(v_until, v_free.claimed_until);
        v_aggregate_id := null;
        v_attempts := null;
        v_retried_after := null;
        v_ids := '{}';
        if v_free.claimed_aggregate_id is not null then
            v_ids := evident._next_events(
                p_consumer, v_free.partition, v_free.position, v_claimable, p_limit
            );
        end if;
        if v_ids = '{}' then
            select
                w.aggregate_id,
                w.ids,
                w.attempts,
                w.retried_after
            into v_aggregate_id, v_ids, v_attempts, v_retried_after
            from evident._claim_waiting(
                p_consumer, v_free.partition, v_free.position, p_limit
            ) as w;
            v_ids := coalesce(v_ids, '{}');
        end if;
        -- Where nothing waits any more, the aggregate is the partition's again: also
        -- what the look above left out for it.
        if v_ids = '{}' then
            v_ids := evident._next_events(
                p_consumer, v_free.partition, v_free.position, v_claimable, p_limit
            );
        end if;

        return query
        with leased as (
            update evident.consumer_partition as p
            set
                number = nextval('evident.consumer_number_seq'),
                epoch = nextval('evident.consumer_epoch_seq'),
                worker = p_worker,
                lease = p_lease,
                lease_expires_at = evident._now() + p_lease,
                claimed_at = evident._now(),
                claimed_until = v_ids[cardinality(v_ids)],
                claimed_aggregate_id = v_aggregate_id,
                attempts = case
                    when v_aggregate_id is not null then p.attempts
                    when p.attempted_id = v_ids[1] then p.attempts + 1
                    else 1
                end,
                attempted_id = case
                    when v_aggregate_id is not null then p.attempted_id
                    else v_ids[1]
                end
            where
                p.consumer = p_consumer
                and p.partition = v_free.partition
                and p.number = v_free.number
                and v_ids <> '{}'
            returning p.epoch, p.lease_expires_at, p.attempts
        )

        select
            v_free.partition,
            l.epoch,
            l.lease_expires_at,
            e.id,
            e.aggregate_id,
            e.version,
            e.event_type,
            e.payload,
            e.metadata,
            e.event_id,
            e.occurred_at,
            e.recorded_by,
            coalesce(v_attempts, l.attempts),
            v_retried_after
        from evident.event_store as e
        cross join leased as l
        where e.id = any (v_ids)
        order by e.id;

        exit when found;

        update evident.consumer_partition as p
        set
            number = nextval('evident.consumer_number_seq'),
            position = greatest(p.position, v_until),
            claimed_aggregate_id = null
        where
            p.consumer = p_consumer
            and p.partition = v_free.partition
            and p.number = v_free.number;
    end loop;
end;
$function$;

comment on function evident.claim_events(text, text, bigint, interval) is
'Leases one free partition of p_consumer that has new events to p_worker (1 to 100
characters), and gives up to p_limit (1 to 10000) of them, at least one and then as
many as fit into 16 MiB of payloads and metadata as text, in the order of their ids,
with the partition, the epoch to confirm with, and lease_expires_at, p_lease (up to 1
day) from now: then another worker may claim them again. attempts counts the claims in
a row that began with the same first event: 1 for the first claim, more where
what was claimed came back unconfirmed. retried_after is null, but for the events of one
aggregate that waited behind a parked one: how far the partition was when they were
retried. No rows: nothing to do now. Errors: PT400 invalid argument, or a transaction
at REPEATABLE READ or SERIALIZABLE; PT404 no such consumer.';

revoke all on function evident.claim_events(text, text, bigint, interval)
from public;
grant execute on function evident.claim_events(text, text, bigint, interval) to
evident_consumer, evident_operator;
-- [end sql/functions/consumers/claim_events.sql]
-- [begin sql/functions/consumers/_confirm_waiting.sql]
-- evident._confirm_waiting: confirm a claim of an aggregate that waited, up to one id.
--
-- What was parked again within the claim, and what is behind it, was not dealt with: it
-- is not passed, also when it was retried or skipped before this confirmation.
-- The caller has the partition's row locked.
--
-- Errors: PT400

create or replace function evident._confirm_waiting(
    p_lease evident.consumer_partition,
    p_position bigint
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_version constant integer := (
        select e.version
        from evident.event_store as e
        where e.id = p_position and e.aggregate_id = p_lease.claimed_aggregate_id
    );
begin
    update evident.consumer_parked as w
    set version = greatest(
        w.version, least(v_version + 1, w.refused_version)
    )
    where
        w.consumer = p_lease.consumer
        and w.partition = p_lease.partition
        and w.aggregate_id = p_lease.claimed_aggregate_id
        and v_version + 1 >= w.version;

    if not found then
        perform evident._refuse_argument(
            'p_position',
            'not an event of the claim, or below what is confirmed already',
            'pass the id of the last event that was dealt with'
        );
    end if;
end;
$function$;

comment on function
evident._confirm_waiting(evident.consumer_partition, bigint) is
'Confirms what was claimed of an aggregate that waited. Errors: PT400 not an event of
the claim.';

revoke all on function
evident._confirm_waiting(evident.consumer_partition, bigint) from public;
-- [end sql/functions/consumers/_confirm_waiting.sql]
-- [begin sql/functions/consumers/confirm_events.sql]
-- evident.confirm_events: say that claimed events are dealt with, up to one id.
--
-- The last id of a claim ends the lease; one before it renews the lease. A repeated
-- confirmation, whose answer was lost, succeeds as long as nobody has claimed the
-- partition since.
--
-- Of an aggregate that waited, its own place moves instead of the partition's.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 at REPEATABLE READ and SERIALIZABLE when the
-- partition was claimed since the snapshot

create or replace function evident.confirm_events(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint,
    p_position bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_lease evident.consumer_partition := evident._lock_lease(
        p_consumer, p_partition, p_epoch
    );
begin
    if p_position is null or p_position <= v_lease.claimed_until is not true then
        perform evident._refuse_argument(
            'p_position',
            'null or beyond what was claimed',
            'pass the id of the last event that was dealt with'
        );
    end if;

    if v_lease.claimed_aggregate_id is not null then
        perform evident._confirm_waiting(v_lease, p_position);
    end if;

    if p_position = v_lease.claimed_until then
        -- An empty look of somebody else's may have moved the position further.
        update evident.consumer_partition as p
        set
            number = nextval('evident.consumer_number_seq'),
            position = greatest(p.position, p_position),
            worker = null,
            lease = null,
            lease_expires_at = null,
            claimed_aggregate_id = null
        where
            p.consumer = p_consumer
            and p.partition = p_partition
            and p.number = v_lease.number;
        return;
    end if;

    if p_position < v_lease.position and v_lease.claimed_aggregate_id is null then
        perform evident._refuse_argument(
            'p_position',
            'below what is confirmed already',
            'pass the id of the last event that was dealt with'
        );
    end if;

    update evident.consumer_partition as p
    set
        number = nextval('evident.consumer_number_seq'),
        position = greatest(p.position, p_position),
        lease_expires_at = evident._now() + p.lease
    where
        p.consumer = p_consumer
        and p.partition = p_partition
        and p.number = v_lease.number;
end;
$function$;

comment on function evident.confirm_events(text, bigint, bigint, bigint) is
'Says that the events of p_partition are dealt with up to the id p_position, within what
was claimed with p_epoch. The last id claimed ends the lease, one before it renews it.
The same call again does nothing. Errors: PT400 invalid argument, PT404 no such
consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.confirm_events(text, bigint, bigint, bigint)
from public;
grant execute on function evident.confirm_events(text, bigint, bigint, bigint) to
evident_consumer, evident_operator;
-- [end sql/functions/consumers/confirm_events.sql]
-- [begin sql/functions/consumers/release_events.sql]
-- evident.release_events: give claimed events back that are not confirmed.
--
-- The next claim gets them at once instead of when the lease runs out. The epoch stays,
-- so that a repeated call succeeds, but nothing is left to confirm with it.
--
-- The claim counts as an attempt at its first event, unless the worker says that it
-- was no failure of the events: it is stopped, or has nowhere to write to.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 as in confirm_events

create or replace function evident.release_events(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint,
    p_is_failure boolean default true
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_lease evident.consumer_partition;
    v_uncounted integer;
begin
    if p_is_failure is null then
        perform evident._refuse_argument(
            'p_is_failure', 'null', 'pass whether the claim counts as an attempt'
        );
    end if;
    v_lease := evident._lock_lease(p_consumer, p_partition, p_epoch);

    -- Once: a repeated call finds no worker any more.
    v_uncounted := case when p_is_failure or v_lease.worker is null then 0 else 1 end;

    update evident.consumer_parked as w
    set attempts = greatest(w.attempts - v_uncounted, 0)
    where
        v_uncounted > 0
        and w.consumer = v_lease.consumer
        and w.partition = v_lease.partition
        and w.aggregate_id = v_lease.claimed_aggregate_id
        and w.attempted_version = w.version;

    update evident.consumer_partition as p
    set
        number = nextval('evident.consumer_number_seq'),
        claimed_until = case
            when p.claimed_aggregate_id is null
                then least(p.position, p.claimed_until)
        end,
        attempts = case
            when p.claimed_aggregate_id is null
                then greatest(p.attempts - v_uncounted, 0)
            else p.attempts
        end,
        worker = null,
        lease = null,
        lease_expires_at = null
    where
        p.consumer = p_consumer
        and p.partition = p_partition
        and p.number = v_lease.number;
end;
$function$;

comment on function evident.release_events(text, bigint, bigint, boolean) is
'Gives the unconfirmed events of p_partition, claimed with p_epoch, back for others to
claim at once. With p_is_failure false the claim is not counted in attempts. The same
call again does nothing. Errors: PT400 invalid argument, PT404 no such
consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.release_events(text, bigint, bigint, boolean)
from public;
grant execute on function evident.release_events(text, bigint, bigint, boolean) to
evident_consumer, evident_operator;
-- [end sql/functions/consumers/release_events.sql]
-- [begin sql/functions/consumers/park_event.sql]
-- evident.park_event: set one claimed event aside, and its aggregate behind it.
--
-- For an event that its worker cannot deal with. From this event on the aggregate is
-- left out of the partition, so its later events wait, those of the same claim
-- too: they are not to be dealt with. The rest goes on, and confirmations pass what
-- waits. It is one row, however many events wait.
--
-- An event that waits already is left as it is: the same call again does nothing, also
-- where an operator has retried or skipped the event since (an answer that was lost).
-- One before the parked one becomes the parked one, and that one waits.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 as in confirm_events

create or replace function evident.park_event(
    p_consumer text,
    p_partition bigint,
    p_epoch bigint,
    p_position bigint,
    p_reason text
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    -- What a program says about its error may be long, and must not be refused.
    v_reason constant text := left(p_reason, 1000);
    v_lease evident.consumer_partition;
    v_event record;
begin
    if coalesce(trim(v_reason), '') = '' then
        perform evident._refuse_argument(
            'p_reason', 'null or empty', 'tell what went wrong with the event'
        );
    end if;

    v_lease := evident._lock_lease(p_consumer, p_partition, p_epoch);

    select
        e.aggregate_id,
        e.version
    into v_event
    from evident.event_store as e
    inner join evident.consumer as c on c.name = p_consumer
    where
        e.id = p_position
        and e.id <= v_lease.claimed_until
        and (
            e.aggregate_id = v_lease.claimed_aggregate_id
            or (v_lease.claimed_aggregate_id is null and e.id > v_lease.position)
        )
        and (c.event_types is null or e.event_type = any (c.event_types))
        and evident._partition_of(e.aggregate_id, c.partitions) = v_lease.partition;

    if not found then
        perform evident._refuse_argument(
            'p_position',
            'not an event of the claim that is not confirmed',
            'pass the id of an event that claim_events gave with this epoch'
        );
    end if;

    -- Skipped since: said again, because the first answer was lost.
    if exists (
        select
        from evident.consumer_skip as s
        where s.consumer = p_consumer and s.position = p_position
    ) then
        return;
    end if;

    insert into evident.consumer_parked as w (
        consumer, partition, aggregate_id, version, parked_version, refused_version,
        position, reason, worker
    )
    values (
        p_consumer, v_lease.partition, v_event.aggregate_id, v_event.version,
        v_event.version, v_event.version, p_position, v_reason, v_lease.worker
    )
    on conflict (consumer, partition, aggregate_id) do update
    set
        version = least(w.version, excluded.version),
        parked_version = excluded.parked_version,
        refused_version = least(w.refused_version, excluded.refused_version),
        position = excluded.position,
        reason = excluded.reason,
        worker = excluded.worker,
        parked_at = excluded.parked_at
    where
        case
            -- Claimed alone: nothing before what is confirmed, nor what comes again
            -- because it was retried within this lease.
            when v_lease.claimed_aggregate_id is not null
                then w.version <= excluded.version
                and (
                    w.parked_version is not null
                    or w.refused_version <= excluded.version is not true
                )
            -- Retried within this lease: it waits, and comes again.
            when w.parked_version is null then w.version > excluded.version
            else true
        end
        and w.parked_version > excluded.parked_version is not false;

    if found then
        insert into evident.consumer_decision as d (
            consumer, kind, partition, aggregate_id, position, actor, reason
        )
        values (
            p_consumer, 'parked', v_lease.partition, v_event.aggregate_id, p_position,
            v_lease.worker, v_reason
        );
    end if;
end;
$function$;

comment on function evident.park_event(text, bigint, bigint, bigint, text) is
'Sets the event with the id p_position aside, which was claimed with p_epoch from
p_partition and is not confirmed, and tells why: p_reason, cut to 1000 characters.
It and the later events of its aggregate, those of the claim too, wait for retry_parked
or skip_parked, see consumer_parked; the rest of the partition goes on, and is
confirmed as ever. The same call again does nothing. Errors: PT400 invalid argument,
PT404 no such consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.park_event(text, bigint, bigint, bigint, text)
from public;
grant execute on function evident.park_event(text, bigint, bigint, bigint, text) to
evident_consumer, evident_operator;
-- [end sql/functions/consumers/park_event.sql]
-- [begin sql/functions/consumers/_lock_parked.sql]
-- evident._lock_parked: lock a parked aggregate of a consumer, and its partition.
--
-- The partition's row comes first, as in all that moves a partition, so a claim
-- sees either what was before the decision or what came of it.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident._lock_parked(p_consumer text, p_aggregate_id uuid)
returns evident.consumer_parked
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_partition integer;
    v_parked evident.consumer_parked;
begin
    perform evident._refuse_one_snapshot();

    select evident._partition_of(p_aggregate_id, c.partitions)
    into v_partition
    from evident.consumer as c
    where c.name = p_consumer;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;

    perform
    from evident.consumer_partition as p
    where p.consumer = p_consumer and p.partition = v_partition
    order by p.number desc
    limit 1
    for no key update;

    select w.*
    into v_parked
    from evident.consumer_parked as w
    where
        w.consumer = p_consumer
        and w.partition = v_partition
        and w.aggregate_id = p_aggregate_id
        and w.parked_version is not null;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'consumer %s has no parked aggregate %s',
                p_consumer,
                coalesce(p_aggregate_id::text, 'null')
            ),
            detail = jsonb_build_object(
                'name', p_consumer, 'aggregate_id', p_aggregate_id
            )::text,
            hint = 'see evident.consumer_parked';
    end if;
    return v_parked;
end;
$function$;

comment on function evident._lock_parked(text, uuid) is
'Locks the partition of a parked aggregate, and gives its row. Errors: PT400 at
REPEATABLE READ and SERIALIZABLE, PT404 no such consumer, or not parked.';

revoke all on function evident._lock_parked(text, uuid) from public;
-- [end sql/functions/consumers/_lock_parked.sql]
-- [begin sql/functions/consumers/_unpark.sql]
-- evident._unpark: let what waits of an aggregate come again, on the record.
--
-- Gives how many events wait, up to where the partition is; later ones follow.
-- The caller has the partition's row locked.

create or replace function evident._unpark(
    p_parked evident.consumer_parked,
    p_version integer,
    p_kind text,
    p_actor text,
    p_reason text
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_position constant bigint := (
        select p.position
        from evident.consumer_partition as p
        where p.consumer = p_parked.consumer and p.partition = p_parked.partition
        order by p.number desc
        limit 1
    );
    v_event_types constant text [] := (
        select c.event_types
        from evident.consumer as c
        where c.name = p_parked.consumer
    );
begin
    update evident.consumer_parked as w
    set
        version = p_version,
        parked_version = null,
        retried_after = v_position
    where
        w.consumer = p_parked.consumer
        and w.partition = p_parked.partition
        and w.aggregate_id = p_parked.aggregate_id;

    insert into evident.consumer_decision as d (
        consumer, kind, partition, aggregate_id, position, actor, reason
    )
    values (
        p_parked.consumer, p_kind, p_parked.partition, p_parked.aggregate_id,
        p_parked.position, p_actor, p_reason
    );

    return (
        select count(*)
        from evident.event_store as e
        where
            e.aggregate_id = p_parked.aggregate_id
            and e.version >= p_version
            and e.id <= v_position
            and (v_event_types is null or e.event_type = any (v_event_types))
    );
end;
$function$;

comment on function
evident._unpark(evident.consumer_parked, integer, text, text, text) is
'Lets the events of a parked aggregate come again from one version on, records who
decided it, and gives how many wait.';

revoke all on function
evident._unpark(evident.consumer_parked, integer, text, text, text) from public;
-- [end sql/functions/consumers/_unpark.sql]
-- [begin sql/functions/consumers/retry_parked.sql]
-- evident.retry_parked: let a parked event and what waits behind it come again.
--
-- In their order, and before later events of the aggregate: claims give the waiting
-- ones first (claim_events), and the partition leaves the aggregate out until they
-- are confirmed up to where the partition is.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident.retry_parked(
    p_consumer text,
    p_aggregate_id uuid,
    p_actor text default null,
    p_reason text default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_parked evident.consumer_parked;
begin
    perform evident._check_decision(
        coalesce(p_actor, session_user), coalesce(p_reason, 'none given')
    );
    v_parked := evident._lock_parked(p_consumer, p_aggregate_id);

    return evident._unpark(
        v_parked, v_parked.version, 'retried', coalesce(p_actor, session_user), p_reason
    );
end;
$function$;

comment on function evident.retry_parked(text, uuid, text, text) is
'Lets the parked event of p_aggregate_id and the events that wait behind it come again,
in their order, and gives how many they are now; recorded in consumer_decision with
p_actor (1 to 200 characters, or null for the login) and p_reason (1 to 1000, or null).
For READ COMMITTED. Errors: PT400 invalid argument, PT404 no such consumer, or not
parked.';

revoke all on function evident.retry_parked(text, uuid, text, text) from public;
grant execute on function evident.retry_parked(text, uuid, text, text)
to evident_operator;
-- [end sql/functions/consumers/retry_parked.sql]
-- [begin sql/functions/consumers/skip_parked.sql]
-- evident.skip_parked: leave a parked event out, on the record; the ones behind follow.
--
-- History is not edited: the event stays, and consumer_skip says who left it out for
-- this consumer, and why. It stays left out after a seek to before it.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404

create or replace function evident.skip_parked(
    p_consumer text,
    p_aggregate_id uuid,
    p_actor text,
    p_reason text
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_parked evident.consumer_parked;
begin
    perform evident._check_decision(p_actor, p_reason);
    v_parked := evident._lock_parked(p_consumer, p_aggregate_id);

    insert into evident.consumer_skip as s (
        consumer, position, aggregate_id, version, actor, reason, message
    )
    values (
        p_consumer, v_parked.position, p_aggregate_id, v_parked.parked_version, p_actor,
        p_reason, v_parked.reason
    );
    return evident._unpark(
        v_parked,
        case
            when v_parked.version = v_parked.parked_version then v_parked.version + 1
            else v_parked.version
        end,
        'skipped',
        p_actor,
        p_reason
    );
end;
$function$;

comment on function evident.skip_parked(text, uuid, text, text) is
'Leaves the parked event of p_aggregate_id out for p_consumer, records p_actor (1 to 200
characters) and p_reason (1 to 1000) in consumer_skip, lets the events behind it come
again in their order, and gives how many they are now. For READ COMMITTED. Errors: PT400
invalid argument, PT404 no such consumer, or not parked.';

revoke all on function evident.skip_parked(text, uuid, text, text) from public;
grant execute on function evident.skip_parked(text, uuid, text, text)
to evident_operator;
-- [end sql/functions/consumers/skip_parked.sql]
-- [begin sql/functions/consumers/consumer_status.sql]
-- evident.consumer_status: how far each consumer is, and who is at work.
--
-- One row for each partition. The lag counts ids up to the safe position, also those
-- of other partitions and types: it is the most that can be missing. The clock is
-- read here itself, since a view runs functions with its reader's rights.

create or replace view evident.consumer_status as
select
    p.consumer,
    p.partition,
    p.position,
    greatest(s.safe_position - p.position, 0) as lag,
    p.worker,
    p.epoch,
    p.lease_expires_at,
    coalesce(p.lease_expires_at > clock_timestamp(), false) as is_leased
from evident.consumer_partition as p
cross join evident.safe_position() as s (safe_position);

comment on view evident.consumer_status is
'One row for each partition of each consumer: position (confirmed up to here), lag
(ids from there to the safe position, at most that many events), and the newest claim
that is not confirmed: worker, epoch, lease_expires_at, is_leased. Readable at READ
COMMITTED.';

revoke all on table evident.consumer_status from public;
grant select on table evident.consumer_status to
evident_reader, evident_operator, evident_auditor, evident_consumer, evident_monitor;
-- [end sql/functions/consumers/consumer_status.sql]
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
    select '0006_consumers'::text;
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

do $do$
begin
    perform evident._record_baseline();
end;
$do$;
