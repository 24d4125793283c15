-- evident._sql_stored_row: SQL for the stored row of a key, null when there is none.
--
-- p_key is the SQL of the key. A subselect stays a look-up by key whatever the table's
-- size was when the plan was made. row(s.*) and not s, which a column may be called.

create or replace function evident._sql_stored_row(
    p_projection evident.projection,
    p_key text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select format(
        '(select row(s.*)::%1$s from %1$s as s where s.%2$I = %3$s)',
        (p_projection).name, (p_projection).key_column, p_key
    );
end;

comment on function evident._sql_stored_row(evident.projection, text) is
'SQL for the read model''s row of a key; p_key is the key''s SQL.';

revoke all on function evident._sql_stored_row(evident.projection, text)
from public;
