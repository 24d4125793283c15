-- append_event that announces itself before it queues: it holds the feed back for as
-- long as it waits for others.

do $do$
declare
    v_source constant text := pg_get_functiondef(
        'evident.append_event(uuid, text, jsonb, integer, jsonb, uuid)'::regprocedure
    );
    v_broken constant text := replace(
        v_source,
        'v_base := evident._base_version(',
        'perform evident._announce_append(); v_base := evident._base_version('
    );
begin
    assert v_broken <> v_source, 'the queue is not where this twin looks for it';
    execute v_broken;
end;
$do$;
