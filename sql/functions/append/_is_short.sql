-- evident._is_short: true when two documents are short enough as text.
--
-- Documents of up to 1,000 bytes together are at most 9 MB as text, so they are simply
-- made into one; larger ones are measured (_is_bounded). An array holds its elements
-- uncompressed: what comes from a table may be short only because it is compressed.
-- Inlined by the planner.

create or replace function evident._is_short(p_payload jsonb, p_metadata jsonb)
returns boolean
language sql
stable
parallel safe
begin atomic
    select case
        when pg_column_size(array[p_payload, p_metadata]) <= 1000
            then octet_length(concat(p_payload, p_metadata)) <= 1048576
        else evident._is_bounded(p_payload, p_metadata)
    end;
end;

comment on function evident._is_short(jsonb, jsonb) is
'True when two documents may be stored: neither takes more than 1048576 bytes as text.
Small ones may be refused when they take more together; then the long path measures.';

revoke all on function evident._is_short(jsonb, jsonb) from public;
