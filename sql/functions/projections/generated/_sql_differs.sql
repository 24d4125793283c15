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
    select format(
        '((t.%1$I is null) <> ((%2$s).%1$I is null)'
        ' or t.%1$I is not null and row(t.*)::%4$s *<> row(%3$s)::%4$s)',
        (p_projection).key_column,
        p_row,
        evident._sql_columns(
            p_projection, '(' || p_row || ').%1$s',
            format('t.%I', (p_projection).key_column)
        ),
        (p_projection).name
    );
end;

comment on function evident._sql_differs(evident.projection, text) is
'SQL that is true where row t of the read model and the folded row p_row differ.';

revoke all on function evident._sql_differs(evident.projection, text)
from public;
