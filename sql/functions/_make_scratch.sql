-- evident._make_scratch: make temporary tables for a rebuild, as evident_projector.
--
-- Nothing but DDL, so an error is the doing of somebody's event trigger (_refuse_ddl),
-- not of a fold.

create or replace function evident._make_scratch(p_sql text)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_message text;
    v_detail text;
    v_hint text;
begin
    perform evident._as_projector(p_sql);
exception when others then
    get stacked diagnostics
        v_message = message_text,
        v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
    perform evident._refuse_ddl(sqlstate, v_message, v_detail, v_hint);
    raise;
end;
$function$;

comment on function evident._make_scratch(text) is
'Runs DDL as evident_projector; an error names the event triggers of others.';

revoke all on function evident._make_scratch(text) from public;
