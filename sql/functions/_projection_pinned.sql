-- evident._projection_pinned: SQL that tells whether a trigger may run a fold at once.
--
-- It runs as evident_projector, and the session's settings are those of all other
-- paths; most sessions have them so, and setting them costs more than looking. What
-- looks must not be bent by the path itself, nor be somebody else's: so the path comes
-- first, and each name is qualified.

create or replace function evident._projection_pinned()
returns text
language sql
immutable
parallel safe
begin atomic
    select $sql$pg_catalog.current_setting('search_path')
                operator(pg_catalog.=) 'pg_catalog, pg_temp'
            and current_user operator(pg_catalog.=) 'evident_projector'
            and pg_catalog.current_setting('datestyle')
                operator(pg_catalog.=) 'ISO, MDY'
            and pg_catalog.current_setting('timezone')
                operator(pg_catalog.=) any ('{UTC,Etc/UTC}'::pg_catalog.text[])
            $sql$::text;
end;

comment on function evident._projection_pinned() is
'SQL that is true where role and settings are those that folds run under.';

revoke all on function evident._projection_pinned() from public;
