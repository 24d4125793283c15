-- A search path without pg_temp at its end: then pg_temp comes first for types and
-- tables, though never for functions.

alter function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
set search_path = pg_catalog;

alter function evident.append_batch(jsonb) set search_path = pg_catalog;

alter function evident._append_event_explained(uuid, text, jsonb, bigint, jsonb, uuid)
set search_path = pg_catalog;

alter function evident._append_stream(uuid, jsonb, bigint)
set search_path = pg_catalog;

alter function evident._append_at_versions(jsonb) set search_path = pg_catalog;
