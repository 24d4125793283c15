-- The founding article's function, over an index that is not unique.

alter table evident.event_store
drop constraint event_store_aggregate_id_version_key;

create index event_store_aggregate_id_version_idx
on evident.event_store (aggregate_id, version);

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
    v_current_version integer;
begin
    select coalesce(max(e.version), 0) into v_current_version
    from evident.event_store as e
    where e.aggregate_id = p_aggregate_id;

    if p_expected_version is not null
        and v_current_version <> p_expected_version
    then
        raise exception 'concurrency conflict'
        using errcode = 'PT409', detail = '{"conflicts": []}';
    end if;

    insert into evident.event_store (
        aggregate_id, version, event_type, payload
    )
    values (p_aggregate_id, v_current_version + 1, p_event_type, p_payload);
    return v_current_version + 1;
end;
$function$;
