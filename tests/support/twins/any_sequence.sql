-- Appends that take whatever ids the sequence hands out.

create or replace function evident._is_ordered(p_sequence regclass)
returns boolean
language sql
immutable
begin atomic
    select p_sequence is not null;
end;
