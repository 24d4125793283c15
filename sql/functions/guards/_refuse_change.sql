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
