-- Takes back 0008: the ledger. Refused once anything is sealed.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
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
                'instead';
    end if;
end;
$do$;

-- [begin generated rollback]
drop view evident.ledger_status;
drop function evident.record_publication(text);
drop function evident.begin_incarnation(text, text);
drop function evident.verify_ledger(bigint, bigint);
drop function evident._verify_head_numbers(bigint, bigint);
drop function evident._verify_heads(bigint, bigint);
drop function evident._verify_tiles(integer, bigint, bigint);
drop function evident._verify_leaves(bigint, bigint);
drop function evident._changed_leaves(bigint, bigint);
drop function evident.seal(integer);
drop function evident._attest();
drop function evident._attest_guards();
drop function evident._attest_incarnations();
drop function evident._seal_step(bigint);
drop function evident._seal_tiles(bigint, bytea, bigint[]);
drop function evident._append_own_event(text, jsonb);
drop function evident._lock_sealer(boolean);
drop function evident._refuse_ledger(bigint, text);
drop function evident.read_tile(integer, bigint, integer);
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
drop function evident.require_utf8();
drop trigger ledger_publication_history_rows on evident.ledger_publication;
drop trigger ledger_publication_history on evident.ledger_publication;
drop trigger log_identity_history_rows on evident.log_identity;
drop trigger log_identity_history on evident.log_identity;
drop trigger tree_head_history_rows on evident.tree_head;
drop trigger tree_head_history on evident.tree_head;
drop trigger ledger_tile_history_rows on evident.ledger_tile;
drop trigger ledger_tile_history on evident.ledger_tile;
drop view evident.blocker;
revoke execute on function evident.version() from evident_writer, evident_reader, evident_consumer, evident_operator,
evident_monitor, evident_auditor;

-- [begin sql/functions/_refuse_change.sql]
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
-- [end sql/functions/_refuse_change.sql]

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
    select '0007_projections'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/version.sql]
-- [end generated rollback]

drop table evident.ledger_publication;
drop table evident.ledger_state;
drop table evident.log_identity;
drop table evident.tree_head;
drop table evident.ledger_tile;

do $do$
begin
    perform evident._record_baseline();
end;
$do$;
