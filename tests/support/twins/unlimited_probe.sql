-- append_event that looks for the version before without a limit: statistics from
-- when the table was smaller make each call look cheaper when planned anew.

do $do$
declare
    v_source constant text := pg_get_functiondef(
        'evident.append_event(uuid, text, jsonb, integer, jsonb, uuid)'::regprocedure
    );
    v_broken constant text := regexp_replace(
        v_source, 'order by k\.version\s+limit 1', ''
    );
begin
    assert v_broken <> v_source, 'the limit is not where this twin looks for it';
    execute v_broken;
end;
$do$;
