-- evident._text_length: how many bytes a document takes as text, if it may be stored.
--
-- A document of up to 1,000 bytes is at most 9 MB as text, so it is simply made into
-- one. Its size is that of the value joined with an empty one, which is the value
-- itself, uncompressed: what was stored before may be short only because it is
-- compressed.
--
-- What is immutable is evaluated by the planner when it plans for known values, in
-- whatever branch it stands. So this is stable, and it is concat, which is stable too,
-- that makes the text. Inlined by the planner.

create or replace function evident._text_length(p_document jsonb)
returns bigint
language sql
stable
parallel safe
begin atomic
    select case
        when pg_column_size(p_document || '{}') <= 1000
            then nullif(least(octet_length(concat(p_document)), 1048577), 1048577)
        else evident._long_text_length(p_document)
    end;
end;

comment on function evident._text_length(jsonb) is
'The length of a document''s text in bytes; null when it is above 1048576, or the
document is nested deeper than 1000 levels.';

revoke all on function evident._text_length(jsonb) from public;
