-- Undoes 0005_guards.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

-- [begin generated rollback]
drop function evident.fingerprint();
drop function evident.guard_status();
drop function evident._record_baseline(text, text, text[]);
drop function evident._catalog();
drop function evident._catalog_roles();
drop function evident._catalog_others();
drop function evident._catalog_grants(oid[], oid[], oid[]);
drop function evident._catalog_routines(oid[]);
drop function evident._catalog_relations(oid[]);
drop trigger baseline_history_rows on evident.baseline;
drop trigger baseline_history on evident.baseline;
drop trigger event_store_history_rows on evident.event_store;
drop trigger event_store_history on evident.event_store;
drop function evident._refuse_change();
drop function evident._short(text);

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
-- [end generated rollback]

drop table evident.baseline;
