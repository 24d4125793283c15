-- evident._sql_step_function: SQL for step_<projection>, which stands for the fold.
--
-- Everything calls this. Its body is parsed when it is made, so it is bound to the fold
-- and not to its name: dropping the fold is refused, and one that is made in its place
-- is not run. It takes a whole row, so columns may change; and it is inlined. What it
-- declares is what the fold declares, and no more.

create or replace function evident._sql_step_function(
    p_projection evident.projection,
    p_apply regprocedure
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_row {table}, p_event evident.event_store)
        returns {table}
        language sql
        {attributes}
        begin atomic
            select {fold}(p_row, p_event);
        end;

        comment on function {name}({table}, evident.event_store) is
        'Made by create_projection: stands for the fold step.';

        revoke all on function {name}({table}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'step_%s'),
            'table', (p_projection).name,
            'attributes', evident._routine_attributes(p_apply),
            'fold', p_apply::oid::regproc::text
        )
    );
end;

comment on function evident._sql_step_function(evident.projection, regprocedure) is
'SQL that creates or replaces step_<projection>, bound to the fold p_apply.';

revoke all on function evident._sql_step_function(evident.projection, regprocedure)
from public;
