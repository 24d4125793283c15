-- evident._is_short: true when two small documents are short enough as text.
--
-- The quick look of the hot path. Documents of up to 1,000 bytes together are at most
-- 9 MB as text, so they are simply made into one; for larger ones the answer is null,
-- and _text_length finds out. An array holds its elements uncompressed: what comes
-- from a table may be short only because it is compressed. It is concat, which is not
-- immutable, that makes the text, since the planner evaluates what is immutable when
-- it plans for known values, in whatever branch it stands. Inlined by the planner.

create or replace function evident._is_short(p_payload jsonb, p_metadata jsonb)
returns boolean
language sql
stable
parallel safe
begin atomic
    select case
        when pg_column_size(array[p_payload, p_metadata]) <= 1000
            then octet_length(concat(p_payload, p_metadata)) <= 1048576
    end;
end;

comment on function evident._is_short(jsonb, jsonb) is
'True when two documents take at most 1048576 bytes as text together; false or null
when they take more, or are larger than a quick look is for.';

revoke all on function evident._is_short(jsonb, jsonb) from public;
