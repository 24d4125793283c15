-- evident._sql_row_function: SQL for row_<projection>, which gives the row it is given.
--
-- It is inlined, and bound to the type of the read model as step_<projection> is.
-- Whoever owns the read model's schema could drop the table, and make another, with
-- code of his own: then neither is there, and no statement that names this would be
-- planned, let alone run.

create or replace function evident._sql_row_function(p_projection evident.projection)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_row {table})
        returns {table}
        language sql
        immutable
        parallel safe
        begin atomic
            select p_row;
        end;

        comment on function {name}({table}) is
        'Made by create_projection: the row that it is given.';

        revoke all on function {name}({table}) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'row_%s'),
            'table', (p_projection).name
        )
    );
end;

comment on function evident._sql_row_function(evident.projection) is
'SQL that creates or replaces row_<projection>.';

revoke all on function evident._sql_row_function(evident.projection) from public;
