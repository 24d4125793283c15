-- evident._sql_pinned_function: SQL for pinned_<projection>, under settings of its own.
--
-- It folds one event as kept_event_<projection> does, with all settings of folds set:
-- for sessions that have others.

create or replace function evident._sql_pinned_function(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(new evident.event_store)
        returns evident.event_store
        language plpgsql
        volatile
        parallel unsafe
        set search_path = pg_catalog, pg_temp
        {settings}
        as {body};

        comment on function {name}(evident.event_store) is
        'Made by create_projection: folds one event under the settings that all
use.';

        revoke all on function {name}(evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'pinned_%s'),
            'settings', evident._sql_set_clauses(),
            'body', format('%L', format(
                $pinned$
            %s
            if %s then
                perform evident._refuse_settings();
            end if;
            return null;
        end;
        $pinned$,
                evident._sql_fold_event(p_projection),
                evident._sql_is_folded(p_projection, 'new')
            ))
        )
    );
end;

comment on function evident._sql_pinned_function(evident.projection) is
'SQL that creates or replaces pinned_<projection>.';

revoke all on function evident._sql_pinned_function(evident.projection) from public;
