-- append_event that bounds what a document takes on the disk, not what it takes as
-- text.

create or replace function evident._text_length(p_document jsonb)
returns bigint
language sql
stable
begin atomic
    select nullif(least(pg_column_size(p_document), 1048577), 1048577)::bigint;
end;
