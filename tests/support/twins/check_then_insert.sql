-- Checks the expected version in one statement and takes the next free one in
-- another: no duplicate, no gap, and yet a writer lands behind events that it
-- never saw.

create or replace function evident.append_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version bigint default null,
    p_metadata jsonb default '{}',
    p_event_id uuid default null
)
returns bigint
language plpgsql
security definer
as $function$
declare
    v_version bigint := evident.aggregate_version(p_aggregate_id);
begin
    if v_version <> p_expected_version then
        raise exception 'concurrency conflict'
        using errcode = 'PT409', detail = '{"conflicts": []}';
    end if;

    loop
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload
        )
        select
            p_aggregate_id,
            coalesce(max(o.version), 0) + 1,
            p_event_type,
            p_payload
        from evident.event_store as o
        where o.aggregate_id = p_aggregate_id
        on conflict (aggregate_id, version) do nothing
        returning e.version into v_version;
        if found then
            return v_version;
        end if;
    end loop;
end;
$function$;
