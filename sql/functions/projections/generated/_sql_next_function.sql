-- evident._sql_next_function: SQL for next_<projection>, whose errors name it.
--
-- For the statement that folds and writes at once, where no block can be around the
-- fold alone (_sql_end_of_fold_block).

create or replace function evident._sql_next_function(p_projection evident.projection)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(
            p_row {table}, p_event evident.event_store
        )
        returns {table}
        language plpgsql
        volatile
        parallel unsafe
        as {body};

        comment on function {name}({table}, evident.event_store) is
        'Made by create_projection: the fold step, naming the projection in
errors.';

        revoke all on function {name}({table}, evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'next_%s'),
            'table', (p_projection).name,
            'body', format('%L', format(
                $next$
            declare
                v_message text;
                v_detail text;
            begin
                return %s(p_row, p_event);
            %s
            $next$,
                evident._name_of_object(p_projection, 'step_%s'),
                evident._sql_end_of_fold_block(p_projection)
            ))
        )
    );
end;

comment on function evident._sql_next_function(evident.projection) is
'SQL that creates or replaces next_<projection>.';

revoke all on function evident._sql_next_function(evident.projection) from public;
