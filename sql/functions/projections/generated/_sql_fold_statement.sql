-- evident._sql_fold_statement: SQL that folds the events of a statement, p_events.
--
-- The body of kept_batch_<projection>, see _sql_kept_batch_function.

create or replace function evident._sql_fold_statement(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $keep$
        #variable_conflict use_column
        declare
            v_message text;
            v_detail text;
            v_count bigint;
            v_keys {key_type}[];
            v_rows {table}[];
            v_abbreviations text;
        begin
            if {is_pinned} then
                {queue}
                lock table {table} in row exclusive mode;
                begin
                    select
                        array_agg(f.key),
                        array_agg(f.next_row)
                    into v_keys, v_rows
                    from ({folded}) as f;
                {end_of_block}
                if v_keys is not null then
                    {write} into v_count;
                end if;
                {return}
            end if;
            v_abbreviations := pg_catalog.current_setting('timezone_abbreviations');
            if current_user operator(pg_catalog.<>) 'evident_projector'
                or v_abbreviations operator(pg_catalog.=) 'Default'
            then
                perform evident._refuse_settings();
            end if;
            perform pg_catalog.set_config('timezone_abbreviations', 'Default', true);
            perform {name}(p_events);
            perform pg_catalog.set_config(
                'timezone_abbreviations', v_abbreviations, true
            );
            return null;
        end;
        $keep$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'kept_batch_%s'),
            'table', (p_projection).name,
            'key_type', (p_projection).key_type,
            'is_pinned', evident._sql_is_pinned(),
            'queue', case
                when (p_projection).keys is null
                    then evident._sql_refuse_old_snapshot(p_projection)
                else evident._sql_queue_for_keys(p_projection)
            end,
            'folded', evident._sql_fold_by_key(
                p_projection,
                evident._sql_keys_of_statement(p_projection),
                evident._sql_stored_row(p_projection, 'k.key')
            ),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            'write', evident._sql_write_rows(
                p_projection,
                'select unnest(v_keys) as key, unnest(v_rows) as next_row'
            ),
            'return', evident._sql_return()
        )
    );
end;

comment on function evident._sql_fold_statement(evident.projection) is
'SQL for the body of a function that folds p_events by key.';

revoke all on function evident._sql_fold_statement(evident.projection) from public;
