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

create table evident.consumer_partition (
    consumer text not null,
    partition integer not null,
    position bigint not null default 0,
    epoch bigint not null default 0,
    worker text,
    lease interval,
    lease_expires_at timestamptz,
    claimed_at timestamptz,
    claimed_until bigint,
    constraint consumer_partition_consumer_partition_pkey
    primary key (consumer, partition),
    constraint consumer_partition_consumer_fkey
    foreign key (consumer) references evident.consumer (name) on delete cascade
)
-- Claims and confirmations change no indexed column: room for them on the page.
with (fillfactor = 50);

comment on table evident.consumer_partition is
'How far each partition of a consumer is, and its newest claim; see claim_events.';
comment on column evident.consumer_partition.position is
'Every event of the partition at or below it is confirmed.';
comment on column evident.consumer_partition.epoch is
'Fencing token of the newest claim, from one sequence for all; 0 before the first.';
comment on column evident.consumer_partition.worker is
'Who has the newest claim; null when nothing of it is left to confirm.';
comment on column evident.consumer_partition.lease is
'How long the lease is, for renewals.';
comment on column evident.consumer_partition.claimed_until is
'The last id of the newest claim.';

-- [begin sql/functions/_refuse_sequence.sql]
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
-- [end sql/functions/_refuse_sequence.sql]
-- [begin sql/functions/_drawn.sql]
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
-- [end sql/functions/_drawn.sql]
-- [begin sql/functions/_refuse_behind.sql]
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
-- [end sql/functions/_refuse_behind.sql]
-- [begin sql/functions/_feed_position.sql]
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
-- [end sql/functions/_feed_position.sql]
-- [begin sql/functions/safe_position.sql]
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
-- [end sql/functions/safe_position.sql]
-- [begin sql/functions/feed_status.sql]
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
-- [end sql/functions/feed_status.sql]
-- [begin sql/functions/stamp_position.sql]
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
-- [end sql/functions/stamp_position.sql]
-- [begin sql/functions/_partition_of.sql]
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
-- [end sql/functions/_partition_of.sql]
-- [begin sql/functions/_refuse_consumer.sql]
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
-- [end sql/functions/_refuse_consumer.sql]
-- [begin sql/functions/_lock_lease.sql]
-- evident._lock_lease: lock a partition whose newest claim is the caller's.
--
-- The epoch is the fencing token: it changes with each claim, and never comes again,
-- not even when a consumer is dropped and created anew. A lease that ran out
-- is still its worker's until somebody else claims the partition.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423

create or replace function evident._lock_lease(
    p_consumer text,
    p_partition integer,
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

comment on function evident._lock_lease(text, integer, bigint) is
'Locks and gives the row of a partition that was claimed with this epoch last. Errors:
PT400 invalid argument, PT404 no such consumer, PT423 claimed by another since.';

revoke all on function evident._lock_lease(text, integer, bigint) from public;
-- [end sql/functions/_lock_lease.sql]
-- [begin sql/functions/create_consumer.sql]
-- evident.create_consumer: name a consumer outside the database.
--
-- Each partition has a position of its own, beginning before the first event. The
-- number of partitions is fixed: with another one, aggregates would change places
-- between positions. So a repeated call with the same definition does nothing, and one
-- with another is refused.
--
-- Errors: PT400

create or replace function evident.create_consumer(
    p_consumer text,
    p_partitions integer default 1,
    p_event_types text[] default null
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
    select array_agg(distinct t.event_type order by t.event_type)
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

    loop
        insert into evident.consumer as c (name, partitions, event_types)
        values (p_consumer, p_partitions, v_event_types)
        on conflict (name) do nothing;

        if found then
            insert into evident.consumer_partition as p (consumer, partition)
            select p_consumer, n.number
            from generate_series(0, p_partitions - 1) as n (number);
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

    if v_existing.partitions <> p_partitions then
        perform evident._refuse_argument(
            'p_partitions',
            format('consumer %s has %s', p_consumer, v_existing.partitions),
            'drop_consumer first; the new one begins before the first event'
        );
    end if;
    if v_existing.event_types is distinct from v_event_types then
        perform evident._refuse_argument(
            'p_event_types',
            format('consumer %s has others', p_consumer),
            'drop_consumer first; the new one begins before the first event'
        );
    end if;
end;
$function$;

comment on function evident.create_consumer(text, integer, text[]) is
'Makes a consumer outside the database: p_consumer, its name of 1 to 100 characters;
p_partitions, 1 to 1024, how many workers can be at work at once; p_event_types, 1,000
at most, or null for all. Begins before the first event. The same call again does
nothing. Errors: PT400 invalid argument, or a consumer of that name with another
definition.';

revoke all on function evident.create_consumer(text, integer, text[]) from public;
grant execute on function evident.create_consumer(text, integer, text[])
to evident_operator;
-- [end sql/functions/create_consumer.sql]
-- [begin sql/functions/drop_consumer.sql]
-- evident.drop_consumer: forget a consumer and its positions.
--
-- Waits for calls that hold a row of it, and a worker that still has events of it
-- gets PT404, or PT423 when there is a new consumer of that name.
--
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
    delete from evident.consumer as c
    where c.name = p_consumer;

    if not found then
        perform evident._refuse_consumer(p_consumer);
    end if;
end;
$function$;

comment on function evident.drop_consumer(text) is
'Forgets a consumer and how far it was. Errors: PT404 no such consumer.';

revoke all on function evident.drop_consumer(text) from public;
grant execute on function evident.drop_consumer(text) to evident_operator;
-- [end sql/functions/drop_consumer.sql]
-- [begin sql/functions/claim_events.sql]
-- evident.claim_events: lease one partition of a consumer and give its next events.
--
-- The statements stand in this order, each with its own snapshot. First the safe
-- position: below it nothing appears any more, so what is claimed has no hole.
-- Then the lock on a free partition: `skip locked`, so that workers never wait for each
-- other, and checked again on the row's newest version, so that a lease which was
-- taken meanwhile counts. It reads the consumer's definition in the same
-- snapshot: one that was dropped and made anew is another, with other rows. Then, when
-- nobody else can move the partition, the events behind it.
--
-- What was claimed longest ago comes first, by the epoch: a clock that was set back
-- would keep a partition waiting that was claimed before that.
--
-- A second worker skips the partition while this call is not committed, and
-- sees the lease afterwards.
--
-- A free partition in which nothing is new has its position moved up, so that the next
-- look there is short; nobody's events are unconfirmed in it, for they would be found.
--
-- A claim holds at least one event, then as many as fit into 16 MiB of text, so that
-- what works on it needs no more memory, whatever is stored. How far that is is found
-- row by row, and ends with the row that is too much; below the safe position the same
-- events are there for the statement that takes them.
--
-- The index on id is the only good plan at any size; see read_feed.
--
-- Locks: the rows of the partitions that it leases or moves, never waiting.
-- Errors: PT400, PT404; 25006 on a standby

create or replace function evident.claim_events(
    p_consumer text,
    p_worker text,
    p_limit integer default 100,
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
    recorded_by text
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
    v_now timestamptz;
    v_free record;
    v_event record;
    v_last bigint;
    v_bytes bigint;
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

    loop
        select
            p.partition,
            p.position,
            c.partitions,
            c.event_types
        into v_free
        from evident.consumer_partition as p
        inner join evident.consumer as c on p.consumer = c.name
        where
            p.consumer = p_consumer
            and p.position < v_until
            and (p.lease_expires_at is null or p.lease_expires_at <= v_now)
        order by p.epoch, p.partition
        limit 1
        for no key update of p skip locked;

        exit when not found;

        v_last := null;
        v_bytes := 0;
        for v_event in
            select
                e.id,
                octet_length(e.payload::text) + octet_length(e.metadata::text) as bytes
            from evident.event_store as e
            where
                e.id > v_free.position
                and e.id <= v_until
                and (
                    v_free.event_types is null
                    or e.event_type = any (v_free.event_types)
                )
                and evident._partition_of(e.aggregate_id, v_free.partitions)
                = v_free.partition
            order by e.id
            limit p_limit
        loop
            v_bytes := v_bytes + v_event.bytes;
            exit when v_bytes > 16777216 and v_last is not null;
            v_last := v_event.id;
        end loop;

        return query
        with taken as materialized (
            select e.*
            from evident.event_store as e
            where
                e.id > v_free.position
                and e.id <= v_last
                and (
                    v_free.event_types is null
                    or e.event_type = any (v_free.event_types)
                )
                and evident._partition_of(e.aggregate_id, v_free.partitions)
                = v_free.partition
            order by e.id
        ),

        leased as (
            update evident.consumer_partition as p
            set
                epoch = nextval('evident.consumer_epoch_seq'),
                worker = p_worker,
                lease = p_lease,
                lease_expires_at = evident._now() + p_lease,
                claimed_at = evident._now(),
                claimed_until = (select max(t.id) from taken as t)
            where
                p.consumer = p_consumer
                and p.partition = v_free.partition
                and exists (select from taken)
            returning p.epoch, p.lease_expires_at
        )

        select
            v_free.partition,
            l.epoch,
            l.lease_expires_at,
            t.id,
            t.aggregate_id,
            t.version,
            t.event_type,
            t.payload,
            t.metadata,
            t.event_id,
            t.occurred_at,
            t.recorded_by
        from taken as t
        cross join leased as l
        order by t.id;

        exit when found;

        update evident.consumer_partition as p
        set position = v_until
        where p.consumer = p_consumer and p.partition = v_free.partition;
    end loop;
end;
$function$;

comment on function evident.claim_events(text, text, integer, interval) is
'Leases one free partition of p_consumer that has new events to p_worker (1 to 100
characters), and gives up to p_limit (1 to 10000) of them, at least one and then as
many as fit into 16 MiB of payloads and metadata as text, in the order of their ids,
with the partition, the epoch to confirm with, and lease_expires_at, p_lease (up to 1
day) from now: then another worker may claim them again. No rows: nothing to do now.
Errors: PT400 invalid argument, or a transaction at REPEATABLE READ or
SERIALIZABLE; PT404 no such consumer.';

revoke all on function evident.claim_events(text, text, integer, interval)
from public;
grant execute on function evident.claim_events(text, text, integer, interval) to
evident_consumer, evident_operator;
-- [end sql/functions/claim_events.sql]
-- [begin sql/functions/confirm_events.sql]
-- evident.confirm_events: say that claimed events are dealt with, up to one id.
--
-- The last id of a claim ends the lease; one before it renews the lease. A repeated
-- confirmation, whose answer was lost, succeeds as long as nobody has claimed the
-- partition since.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 at REPEATABLE READ and SERIALIZABLE when the
-- partition was claimed since the snapshot

create or replace function evident.confirm_events(
    p_consumer text,
    p_partition integer,
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
    if p_position is null or p_position > v_lease.claimed_until then
        perform evident._refuse_argument(
            'p_position',
            'null or beyond what was claimed',
            'pass the id of the last event that was dealt with'
        );
    end if;

    if p_position = v_lease.claimed_until then
        -- An empty look of somebody else's may have moved the position further.
        update evident.consumer_partition as p
        set
            position = greatest(p.position, p_position),
            worker = null,
            lease = null,
            lease_expires_at = null
        where p.consumer = p_consumer and p.partition = p_partition;
        return;
    end if;

    if p_position < v_lease.position then
        perform evident._refuse_argument(
            'p_position',
            'below what is confirmed already',
            'pass the id of the last event that was dealt with'
        );
    end if;

    update evident.consumer_partition as p
    set
        position = p_position,
        lease_expires_at = evident._now() + p.lease
    where p.consumer = p_consumer and p.partition = p_partition;
end;
$function$;

comment on function evident.confirm_events(text, integer, bigint, bigint) is
'Says that the events of p_partition are dealt with up to the id p_position, within what
was claimed with p_epoch. The last id claimed ends the lease, one before it renews it.
The same call again does nothing. Errors: PT400 invalid argument, PT404 no such
consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.confirm_events(text, integer, bigint, bigint)
from public;
grant execute on function evident.confirm_events(text, integer, bigint, bigint) to
evident_consumer, evident_operator;
-- [end sql/functions/confirm_events.sql]
-- [begin sql/functions/release_events.sql]
-- evident.release_events: give claimed events back that are not confirmed.
--
-- The next claim gets them at once instead of when the lease runs out. The epoch stays,
-- so that a repeated call succeeds, but nothing is left to confirm with it.
--
-- Locks: the partition's row, until the transaction is over.
-- Errors: PT400, PT404, PT423; 40001 as in confirm_events

create or replace function evident.release_events(
    p_consumer text,
    p_partition integer,
    p_epoch bigint
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
begin
    perform evident._lock_lease(p_consumer, p_partition, p_epoch);

    update evident.consumer_partition as p
    set
        claimed_until = least(p.position, p.claimed_until),
        worker = null,
        lease = null,
        lease_expires_at = null
    where p.consumer = p_consumer and p.partition = p_partition;
end;
$function$;

comment on function evident.release_events(text, integer, bigint) is
'Gives the unconfirmed events of p_partition, claimed with p_epoch, back for others to
claim at once. The same call again does nothing. Errors: PT400 invalid argument, PT404
no such consumer, PT423 the partition was claimed by another since.';

revoke all on function evident.release_events(text, integer, bigint) from public;
grant execute on function evident.release_events(text, integer, bigint) to
evident_consumer, evident_operator;
-- [end sql/functions/release_events.sql]
-- [begin sql/functions/consumer_status.sql]
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
-- [end sql/functions/consumer_status.sql]
-- [begin sql/functions/version.sql]
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
-- [end sql/functions/version.sql]

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
