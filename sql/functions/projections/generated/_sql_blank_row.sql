-- evident._sql_blank_row: SQL for a row of the read model with only its key set.
--
-- p_key is the SQL of the key. It is what the first event of a key meets.

create or replace function evident._sql_blank_row(
    p_projection evident.projection,
    p_key text
)
returns text
language sql
stable
parallel safe
begin atomic
    select format(
        'row(%s)::%s',
        evident._sql_columns(p_projection, 'null', p_key),
        (p_projection).name
    );
end;

comment on function evident._sql_blank_row(evident.projection, text) is
'SQL for a row of the read model with only its key set; p_key is the key''s SQL.';

revoke all on function evident._sql_blank_row(evident.projection, text) from public;
