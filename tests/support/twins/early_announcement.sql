-- append_event that announces itself before it queues: it holds the feed back for as
-- long as it waits for others.

select pg_temp.spoil(
    'evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)',
    'v_base := evident._base_version(',
    'perform evident._announce_append(); v_base := evident._base_version('
);
