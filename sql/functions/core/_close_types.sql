-- evident._close_types: only who needs the row types of the package may name them.
--
-- PostgreSQL lets PUBLIC use each new type. Whoever may look into the schema could then
-- make casts from a row type to types of his own, by the thousand, each of them a
-- change that the store would record as an event; and columns of it in tables of his
-- own, which forbid changes to ours. Queries need no such right, only whoever defines
-- columns, arguments and results of the type: evident_projector, for folds.
--
-- A dump has no rights to row types, so PUBLIC has them again after a restore, until
-- this is called. Each migration that makes tables or views calls it. As the owner.

create or replace function evident._close_types()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._revoke_from_all('pg_type', t.oid)
    from pg_type as t
    where
        t.typnamespace = 'evident'::regnamespace
        and t.typtype = 'c'
        and t.typowner = 'evident_owner'::regrole;
    grant usage on type evident.event_store to evident_projector;
end;
$function$;

comment on function evident._close_types() is
'Takes the use of row types in schema evident away from PUBLIC.';

revoke all on function evident._close_types() from public;
