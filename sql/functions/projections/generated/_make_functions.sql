-- evident._make_functions: make functions of a projection in schema evident.
--
-- They belong to evident_projector, which may not create there: it has the right for
-- the length of p_sql, in which no fold runs, and nobody else ever sees that. Such
-- functions cannot be given another body by a fold, nor be dropped and made again by
-- whoever owns the schema of a read model.
--
-- An error names the event triggers of others (_run_ddl).
--
-- Locks: that of making, see _lock_making

create or replace function evident._make_functions(p_sql text)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._lock_making();
    perform evident._run_ddl('grant create on schema evident to evident_projector');
    perform evident._run_ddl(p_sql, p_is_projectors => true);
    perform evident._run_ddl(
        'select evident._close_made()', p_is_projectors => true
    );
    perform evident._run_ddl('revoke create on schema evident from evident_projector');
end;
$function$;

comment on function evident._make_functions(text) is
'Runs SQL as evident_projector, which may create in schema evident meanwhile.';

revoke all on function evident._make_functions(text) from public;
