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
