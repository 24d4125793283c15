-- Takes back 0008: the ledger. Refused once anything is sealed.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';
-- A policy that is forced on the owner too hides nothing: the question is refused.
set local row_security = off;

do $do$
begin
    -- It would not see what was committed while it waited for the lock.
    perform evident._refuse_one_snapshot();
    lock table evident.tree_head in access exclusive mode;
    if exists (select from evident.tree_head as h where h.tree_size > 0) then
        raise exception using
            errcode = 'PT403',
            message = 'rollback refused: events are sealed',
            detail = jsonb_build_object(
                'table', 'evident.tree_head',
                'operation', 'ROLLBACK'
            )::text,
            hint = 'what was published could not be checked any more; stop sealing '
                'instead. When all is really to go, back it up and run: '
                'drop schema evident cascade';
    end if;
end;
$do$;

-- [begin generated rollback]
drop function evident.repair_sequences();
drop function evident.initialize_log();
drop view evident.ledger_status;
drop function evident.record_publication(text);
drop function evident.begin_incarnation(text, text);
drop function evident.verify_ledger(bigint, bigint);
drop function evident._verify_head_numbers(bigint, bigint);
drop function evident._verify_heads(bigint, bigint);
drop function evident._verify_tiles(integer, bigint, bigint);
drop function evident._verify_leaves(bigint, bigint);
drop function evident._changed_leaves(bigint, bigint);
drop function evident.seal(bigint);
drop function evident._attest();
drop function evident._record_guard_changes();
drop function evident._attest_incarnations();
drop function evident._seal_step(bigint);
drop function evident._seal_tiles(bigint, bytea, bigint[]);
drop function evident._lock_sealer(boolean);
drop function evident._require_log();
drop function evident._refuse_ledger(bigint, text);
drop function evident.read_tile(bigint, bigint, bigint);
drop function evident.consistency_proof(bigint, bigint);
drop function evident.inclusion_proof(uuid, bigint);
drop function evident._leaf_index(bigint, bigint);
drop function evident._audit_path(bigint, integer, bigint);
drop function evident.root_hash(bigint);
drop function evident._root_over(bigint, bytea);
drop function evident._check_tree_size(text, bigint, bigint);
drop function evident._tile_hashes(integer, bigint, integer);
drop function evident._tile_end(bigint);
drop function evident._log_origin();
drop function evident._log_identity();
drop function evident._tree_head();
drop function evident._tree_root(bytea);
drop function evident._pair_hashes(bytea);
drop function evident.leaf_hash(evident.event_store);
drop function evident.leaf_entry(evident.event_store);
drop trigger ledger_publication_history_rows on evident.ledger_publication;
drop trigger ledger_publication_history on evident.ledger_publication;
drop trigger log_identity_history_rows on evident.log_identity;
drop trigger log_identity_history on evident.log_identity;
drop trigger tree_head_history_rows on evident.tree_head;
drop trigger tree_head_history on evident.tree_head;
drop trigger ledger_tile_history_rows on evident.ledger_tile;
drop trigger ledger_tile_history on evident.ledger_tile;
drop view evident.projection_status;
drop view evident.consumer_status;
drop view evident.feed_status;
drop function evident._events_after(bigint[], bigint);
drop view evident._newest;
drop view evident.blocker;
revoke execute on function evident.version() from evident_writer, evident_reader, evident_consumer, evident_operator,
evident_monitor, evident_auditor;

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
        hint = 'append an event that corrects or compensates the earlier one';
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
-- [end sql/functions/guards/_refuse_change.sql]

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

-- [begin sql/functions/projections/projection_status.sql]
-- evident.projection_status: how each projection does.
--
-- How far behind is counted in ids, which have gaps: it is the most that can be
-- missing. Types are not looked at: the checkpoint passes other events by. The clock
-- is read here itself, since a view runs functions with its reader's rights.
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
    greatest(s.safe_position - l.position, 0) as events_behind,
    coalesce(
        round(date_part('epoch', clock_timestamp() - o.occurred_at)::numeric, 3), 0
    ) as seconds_behind,
    coalesce(f.failures, 0) as failures,
    f.last_error,
    r.slices as rebuild_slices,
    r.slices_done as rebuild_slices_done,
    r.rebuilt_at
from evident.projection as p
cross join evident.feed_status as s
inner join lateral (
    values (
        case
            when p.mode = 'sync' and p.state = 'running' then s.head
            else p.position
        end
    )
) as l (position) on true
left join lateral (
    select e.occurred_at
    from evident.event_store as e
    where e.id > l.position and e.id <= s.safe_position
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
checkpoint; the head where appends keep it); events_behind the safe position and the
head, at most, counted in ids; seconds_behind, the age of the oldest event that
waits; failures (parked keys) and the last_error; how many of the slices of the
newest rebuild are done, and when. Readable at READ COMMITTED.';

revoke all on table evident.projection_status from public;
grant select on table evident.projection_status to
evident_reader, evident_operator, evident_auditor, evident_monitor;
-- [end sql/functions/projections/projection_status.sql]

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
    select '0007_projections'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]
-- [end generated rollback]

do $do$
begin
    -- Looked at again, so that a client that continues after the refusal above drops
    -- no table.
    lock table evident.tree_head in access exclusive mode;
    if exists (select from evident.tree_head as h where h.tree_size > 0) then
        raise exception using
            errcode = 'PT403',
            message = 'rollback refused: events are sealed',
            detail = jsonb_build_object(
                'table', 'evident.tree_head',
                'operation', 'ROLLBACK'
            )::text,
            hint = 'roll this transaction back';
    end if;
    drop table evident.ledger_publication;
    drop table evident.ledger_state;
    drop table evident.log_identity;
    drop table evident.tree_head;
    drop table evident.ledger_tile;
end;
$do$;

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
