-- evident._sql_refold_aggregate: SQL for refold_<projection>(row, event), from a row.
--
-- Its step is refolding_<projection> (_sql_refolding_function).

create or replace function evident._sql_refold_aggregate(
    p_projection evident.projection,
    p_attributes text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace aggregate {name}({table}, evident.event_store) (
            sfunc = {step},
            stype = {table},
            parallel = {parallel}
        );

        comment on aggregate {name}({table}, evident.event_store) is
        'Made by create_projection: folds events, in the order given by "order by",
onto an existing row.';

        revoke all on function {name}({table}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'refold_%s'),
            'step', evident._name_of_object(p_projection, 'refolding_%s'),
            'table', (p_projection).name,
            'parallel', substring(p_attributes from '[a-z]+$')
        )
    );
end;

comment on function evident._sql_refold_aggregate(evident.projection, text) is
'SQL that creates or replaces the aggregate that folds events onto a row.';

revoke all on function evident._sql_refold_aggregate(evident.projection, text)
from public;
