-- evident._sql_return: SQL that ends a trigger that ran a fold.
--
-- A fold may set a path that outlives it, and what follows the trigger runs as the
-- store's owner. So a trigger returns to it only under the path it came with; in place
-- of a bare null, since each expression more costs.

create or replace function evident._sql_return()
returns text
language sql
immutable
parallel safe
begin atomic
    select $sql$return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;$sql$::text;
end;

comment on function evident._sql_return() is
'SQL that returns null from a trigger, or raises 42501 when the path was changed.';

revoke all on function evident._sql_return() from public;
