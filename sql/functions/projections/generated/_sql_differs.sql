-- evident._sql_differs: SQL that tells whether stored and folded row differ.
--
-- t is the read model, p_row the SQL of the folded row; either may have none for the
-- key. Compared byte for byte (*<>), which works for all types; row(t.*), since t may
-- be a column too.

create or replace function evident._sql_differs(
    p_projection evident.projection,
    p_row text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        '((t.{key} is null) <> (({row}).{key} is null)'
        ' or t.{key} is not null and row(t.*)::{table} *<> row({columns})::{table})',
        jsonb_build_object(
            'table', (p_projection).name,
            'key', format('%I', (p_projection).key_column),
            'row', p_row,
            'columns', evident._sql_columns(
                p_projection, '(' || p_row || ').%1$s',
                format('t.%I', (p_projection).key_column)
            )
        )
    );
end;

comment on function evident._sql_differs(evident.projection, text) is
'SQL that is true where row t of the read model and the folded row p_row differ.';

revoke all on function evident._sql_differs(evident.projection, text)
from public;
