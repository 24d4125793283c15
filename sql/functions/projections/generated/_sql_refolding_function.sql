-- evident._sql_refolding_function: SQL for refolding_<projection>, from a row.
--
-- The step of refold_<projection>. The row that it starts from is looked at only while
-- there is none; but its key always, so that a fold cannot move on to another one.

create or replace function evident._sql_refolding_function(
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
        create or replace function {name}(
            p_state {table}, p_start {table}, p_event evident.event_store
        )
        returns {table}
        language plpgsql
        {attributes}
        as {body};

        comment on function {name}({table}, {table}, evident.event_store) is
        'Made by create_projection: as the fold step, from p_start at first.';

        revoke all on function {name}({table}, {table}, evident.event_store)
        from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'refolding_%s'),
            'table', (p_projection).name,
            'attributes', p_attributes,
            'body', format('%L', format(
                $step$
            begin
                if p_state.%1$I is null then
                    p_state := p_start;
                else
                    p_state.%1$I := p_start.%1$I;
                end if;
                return %2$s(p_state, p_event);
            end;
            $step$,
                (p_projection).key_column,
                evident._name_of_object(p_projection, 'step_%s')
            ))
        )
    );
end;

comment on function evident._sql_refolding_function(evident.projection, text) is
'SQL that creates or replaces the step by which refold_<projection> folds.';

revoke all on function evident._sql_refolding_function(evident.projection, text)
from public;
