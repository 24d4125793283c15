-- Undoes 0003_append.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

-- [begin generated rollback]
drop function evident.append_batch(jsonb);
drop function evident.append_events(uuid, jsonb, bigint);
drop function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid);
drop function evident._append_one_by_one(jsonb);
drop function evident._append_at_versions(jsonb);
drop function evident._append_event_explained(uuid, text, jsonb, bigint, jsonb, uuid);
drop function evident._append_stream_or_refuse(uuid, jsonb, bigint);
drop function evident._append_stream(uuid, jsonb, bigint);
drop function evident._insert_stream(uuid, integer, jsonb, integer, integer);
drop function evident._base_version(uuid, bigint);
drop function evident._replayed_version(uuid, jsonb, bigint[]);
drop function evident._check_entry_events(jsonb);
drop function evident._check_entries(jsonb);
drop function evident._check_event_ids(text, jsonb, jsonpath);
drop function evident._check_events(jsonb, text);
drop function evident._check_aggregate(uuid, bigint);
drop function evident._append_entries(jsonb);
drop function evident._may_append(uuid, text, jsonb, jsonb);
drop function evident._is_short(jsonb, jsonb);
drop function evident._is_bounded(jsonb, jsonb);
drop function evident._is_event(uuid, text, jsonb, jsonb);
drop function evident._refuse_text(text);
drop function evident._most_text(jsonb);
drop function evident._event_problem(jsonb);
drop function evident._is_expected_version(jsonb);
drop function evident._is_uuid(jsonb);
drop function evident._lock_aggregate(uuid);
drop function evident._refuse_document(text);
drop function evident._text_length(jsonb);
drop function evident._long_text_length(jsonb);
drop function evident._refuse_own_stream(uuid);
drop function evident._refuse_sequence();
drop function evident._is_ordered(regclass);
drop function evident._draw_id();
drop function evident._announce_append();
drop function evident._announce_again();
drop function evident._refuse_version(uuid, bigint, integer);
drop function evident._refuse_versions(jsonb);
drop function evident._refuse_argument(text, text, text);

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
    select '0002_event_store'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]
-- [end generated rollback]
