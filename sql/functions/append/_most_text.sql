-- evident._most_text: how many bytes of text a document of events may become.
--
-- Control characters take six bytes as text, and a number that is written out two
-- bytes for one in memory. Only exponents make more of it: those get 16 MiB.
-- The size is that of the array joined with an empty one, which is itself. Inlined by
-- the planner.

create or replace function evident._most_text(p_array jsonb)
returns bigint
language sql
stable
parallel safe
begin atomic
    select greatest(16777216, 8::bigint * pg_column_size(p_array || '[]'));
end;

comment on function evident._most_text(jsonb) is
'The most bytes of text that the events of one call may take.';

revoke all on function evident._most_text(jsonb) from public;
