-- evident._sql_folding_function: SQL for folding_<projection>, an aggregate's step.
--
-- The state is the row so far; its key is set before each event, so that a row comes
-- into being with only its key, also after a fold gave null, which removes it.
--
-- The body is quoted as a literal, as all bodies are: a column or a fold may be named
-- like whatever ends a body between dollars, and what follows would run as well.

create or replace function evident._sql_folding_function(
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
            p_state {table}, p_key {key_type}, p_event evident.event_store
        )
        returns {table}
        language plpgsql
        {attributes}
        as {body};

        comment on function {name}({table}, {key_type}, evident.event_store) is
        'Made by create_projection: the row so far, its key set, and an event.';

        revoke all on function {name}({table}, {key_type}, evident.event_store)
        from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'folding_%s'),
            'table', (p_projection).name,
            'key_type', (p_projection).key_type,
            'attributes', p_attributes,
            'body', format('%L', format(
                $step$
            begin
                p_state.%I := p_key;
                return %s(p_state, p_event);
            end;
            $step$,
                (p_projection).key_column,
                evident._name_of_object(p_projection, 'step_%s')
            ))
        )
    );
end;

comment on function evident._sql_folding_function(evident.projection, text) is
'SQL that creates or replaces the step by which fold_<projection> folds.';

revoke all on function evident._sql_folding_function(evident.projection, text)
from public;
