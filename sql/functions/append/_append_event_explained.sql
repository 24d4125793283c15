-- evident._append_event_explained: the long path of append_event.
--
-- Called when the short path inserted nothing: the argument is invalid, the
-- version is not as expected, a rival took it, the event_id is stored, or the id that
-- was drawn is one that the feed may have passed. Says which, or appends after all
-- when any version will do.
--
-- Where many write to one aggregate, most refusals are an exact version that is no
-- longer the newest: that is asked first. All else costs several times as much.
--
-- A document is measured before it is copied: it may be as large as a request.
--
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500

create or replace function evident._append_event_explained(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version bigint,
    p_metadata jsonb,
    p_event_id uuid
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_actual integer;
    v_event jsonb;
    v_problem text[];
    v_place text;
    v_is_long_payload constant boolean :=
        p_payload is not null and evident._text_length(p_payload) is null;
    v_is_long_metadata constant boolean :=
        p_metadata is not null and evident._text_length(p_metadata) is null;
begin
    if p_expected_version >= 0
        and p_event_id is null
        and not v_is_long_payload
        and not v_is_long_metadata
        and evident._is_event(p_aggregate_id, p_event_type, p_payload, p_metadata)
    then
        select coalesce(max(e.version), 0) into v_actual
        from evident.event_store as e
        where e.aggregate_id = p_aggregate_id;
        if v_actual <> p_expected_version then
            perform evident._refuse_version(
                p_aggregate_id, p_expected_version, v_actual
            );
        end if;
    end if;

    perform evident._check_aggregate(p_aggregate_id, p_expected_version);
    if v_is_long_payload then
        perform evident._refuse_document('p_payload');
    elsif v_is_long_metadata then
        perform evident._refuse_document('p_metadata');
    end if;
    v_event := jsonb_build_object(
        'type', p_event_type,
        'payload', p_payload,
        'metadata', p_metadata,
        'event_id', p_event_id
    );
    v_problem := evident._event_problem(v_event);
    if v_problem is not null then
        v_place := case v_problem[1]
            when '.type' then 'p_event_type' else replace(v_problem[1], '.', 'p_')
        end;
        perform evident._refuse_argument(v_place, v_problem[2], v_problem[3]);
    end if;

    perform evident._refuse_sequence();
    perform evident._announce_append();
    return evident._append_stream_or_refuse(
        p_aggregate_id, jsonb_build_array(v_event), p_expected_version
    );
end;
$function$;

comment on function
evident._append_event_explained(uuid, text, jsonb, bigint, jsonb, uuid) is
'Appends one event by the general engine, or raises what is wrong.';

revoke all on function
evident._append_event_explained(uuid, text, jsonb, bigint, jsonb, uuid)
from public;
