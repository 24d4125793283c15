-- evident._sql_fold_aggregate: SQL for fold_<projection>(key, event), from nothing.
--
-- Its step is folding_<projection> (_sql_folding_function).

create or replace function evident._sql_fold_aggregate(
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
        create or replace aggregate {name}({key_type}, evident.event_store) (
            sfunc = {step},
            stype = {table},
            parallel = {parallel}
        );

        comment on aggregate {name}({key_type}, evident.event_store) is
        'Made by create_projection: folds events, in the order given by "order by",
into the row of a key.';

        revoke all on function {name}({key_type}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'fold_%s'),
            'step', evident._name_of_object(p_projection, 'folding_%s'),
            'table', (p_projection).name,
            'key_type', (p_projection).key_type,
            'parallel', substring(p_attributes from '[a-z]+$')
        )
    );
end;

comment on function evident._sql_fold_aggregate(evident.projection, text) is
'SQL that creates or replaces the aggregate that folds events into a key''s row.';

revoke all on function evident._sql_fold_aggregate(evident.projection, text)
from public;
