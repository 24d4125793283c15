-- The append functions look names up wherever the caller's search path leads them.

alter function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
reset search_path;

alter function evident.append_batch(jsonb) reset search_path;
