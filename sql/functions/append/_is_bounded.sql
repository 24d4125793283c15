-- evident._is_bounded: true when neither of two documents is too long as text.

create or replace function evident._is_bounded(p_payload jsonb, p_metadata jsonb)
returns boolean
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return evident._text_length(p_payload)
        + evident._text_length(p_metadata) is not null;
end;
$function$;

comment on function evident._is_bounded(jsonb, jsonb) is
'True when each of two documents takes at most 1048576 bytes as text.';

revoke all on function evident._is_bounded(jsonb, jsonb) from public;
