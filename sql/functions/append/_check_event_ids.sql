-- evident._check_event_ids: refuse a call in which an event_id stands twice.
--
-- p_path leads from the argument to its event_ids, which are checked to be UUIDs.
--
-- Errors: PT400

create or replace function evident._check_event_ids(
    p_argument text,
    p_document jsonb,
    p_path jsonpath
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_is_repeated boolean;
begin
    select count(distinct (i.value #>> '{}')::uuid) < count(*)
    into v_is_repeated
    from jsonb_path_query(p_document, p_path) as i (value)
    where jsonb_typeof(i.value) = 'string';

    if v_is_repeated then
        perform evident._refuse_argument(
            p_argument, 'an event_id stands twice', 'give each event its own'
        );
    end if;
end;
$function$;

comment on function evident._check_event_ids(text, jsonb, jsonpath) is
'Raises PT400 when an event_id stands twice in a document.';

revoke all on function evident._check_event_ids(text, jsonb, jsonpath) from public;
