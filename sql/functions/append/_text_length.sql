-- evident._text_length: how many bytes a document takes as text, if it may be stored.
--
-- A document of up to 3,000 bytes is at most 28 MB as text, so it is simply made into
-- one; pg_column_size of what jsonb_out gives is the length of that and a byte, without
-- a copy. The document's size is that of the value joined with an empty one, which is
-- the value itself, uncompressed: what comes from a table may be short only because it
-- is compressed.
--
-- What is immutable, as jsonb_out, is evaluated by the planner when it plans a query
-- for known values, in whatever branch it stands. So this is for the columns of a
-- query, and for simple expressions of PL/pgSQL, which are planned without values.
-- Inlined by the planner.

create or replace function evident._text_length(p_document jsonb)
returns bigint
language sql
stable
parallel safe
begin atomic
    select case
        when pg_column_size(p_document || '{}') <= 3000
            then
                nullif(
                    least(pg_column_size(jsonb_out(p_document)) - 1, 1048577), 1048577
                )
        else evident._long_text_length(p_document)
    end;
end;

comment on function evident._text_length(jsonb) is
'The length of a document''s text in bytes; null when it is above 1048576, or the
document is nested deeper than 1000 levels.';

revoke all on function evident._text_length(jsonb) from public;
