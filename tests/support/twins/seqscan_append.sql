-- append_event as it is without its setting: a plan that was made while the table
-- was small and analyzed reads the whole table, however large it has become.

alter function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
reset enable_seqscan;
