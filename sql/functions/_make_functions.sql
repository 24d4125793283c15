-- evident._make_functions: make functions of a projection in schema evident.
--
-- They belong to evident_projector, which may not create there: it has the right for
-- the length of p_sql, in which no fold runs, and nobody else ever sees that. Such
-- functions cannot be given another body by a fold, nor be dropped and made again by
-- whoever owns the schema of a read model.
--
-- An error names the event triggers of others (_refuse_ddl).
--
-- Locks: that of making, see _lock_making

create or replace function evident._make_functions(p_sql text)
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
    perform evident._lock_making();
    grant create on schema evident to evident_projector;
    perform evident._as_projector(p_sql);
    perform evident._as_projector('select evident._close_made()');
    revoke create on schema evident from evident_projector;
exception when others then
    get stacked diagnostics
        v_message = message_text,
        v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
    perform evident._refuse_ddl(sqlstate, v_message, v_detail, v_hint);
    raise;
end;
$function$;

comment on function evident._make_functions(text) is
'Runs SQL as evident_projector, which may create in schema evident meanwhile.';

revoke all on function evident._make_functions(text) from public;
