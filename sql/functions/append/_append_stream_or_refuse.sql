-- evident._append_stream_or_refuse: append checked events to one aggregate, or refuse.
--
-- Errors: PT404, PT409, PT422

create or replace function evident._append_stream_or_refuse(
    p_aggregate_id uuid,
    p_events jsonb,
    p_expected_version bigint
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_outcome record;
begin
    select
        s.version,
        s.actual
    into v_outcome
    from evident._append_stream(p_aggregate_id, p_events, p_expected_version) as s;

    if v_outcome.version is null then
        perform evident._refuse_version(
            p_aggregate_id, p_expected_version, v_outcome.actual
        );
    end if;
    return v_outcome.version;
end;
$function$;

comment on function evident._append_stream_or_refuse(uuid, jsonb, bigint) is
'Appends checked events to one aggregate; the version of the last one, or PT404,
PT409 or PT422.';

revoke all on function evident._append_stream_or_refuse(uuid, jsonb, bigint)
from public;
