-- Takes a database of any encoding for one of UTF8.

create or replace function evident.require_utf8()
returns boolean
language sql
immutable
begin atomic
    select true;
end;
