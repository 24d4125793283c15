-- evident._projection_blank: SQL for a row of the read model with only its key set.
--
-- p_key is the SQL of the key. It is what the first event of a key meets.

create or replace function evident._projection_blank(
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
        evident._projection_columns(p_projection, 'null', p_key),
        (p_projection).name
    );
end;

comment on function evident._projection_blank(evident.projection, text) is
'SQL for a row of the read model with only its key set; p_key is the key''s SQL.';

revoke all on function evident._projection_blank(evident.projection, text) from public;
