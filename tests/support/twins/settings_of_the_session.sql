-- Single events are folded under whatever the session that appends has set.

create or replace function evident._sql_is_pinned()
returns text
language sql
immutable
parallel safe
begin atomic
    select 'true'::text;
end;
