-- evident._is_short: true when two small documents are short enough as text.
--
-- The quick look of the hot path, which has made sure that they are small. It is
-- concat, which is not immutable, that makes the text: the planner evaluates what is
-- immutable when it plans for known values. Inlined by the planner.

create or replace function evident._is_short(p_payload jsonb, p_metadata jsonb)
returns boolean
language sql
stable
parallel safe
begin atomic
    select octet_length(concat(p_payload, p_metadata)) <= 1048576;
end;

comment on function evident._is_short(jsonb, jsonb) is
'True when two small documents take at most 1048576 bytes as text together.';

revoke all on function evident._is_short(jsonb, jsonb) from public;
