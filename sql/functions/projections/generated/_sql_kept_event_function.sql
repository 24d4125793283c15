-- evident._sql_kept_event_function: SQL for kept_event_<projection>, for one event.
--
-- Events are inserted by the store's owner, and the fold runs as evident_projector, so
-- this is a definer function of that role. A cast in a fold may depend on settings, and
-- a replay must give the same (_fold_settings): where the session's are not those of
-- all other paths, pinned_<projection>, the same with all of them set, does the work.
-- The function itself sets those that sessions begin with otherwise in this database,
-- since each costs some of the append. It is the one definer function without a path,
-- and looks at the path before anything else (_sql_is_pinned).
--
-- A fold could alter it, since its role owns it: make it run as whoever inserts, or
-- move it to a schema of its own and give it another body there. As it stands in this
-- schema its body cannot be replaced (_make_functions), and runs a fold as
-- evident_projector or not at all.

create or replace function evident._sql_kept_event_function(
    p_projection evident.projection
)
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
        security definer
        {settings}
        as {body};

        comment on function {name}(evident.event_store) is
        'Made by create_projection: folds one event into the read model.';

        revoke all on function {name}(evident.event_store) from public;
        grant execute on function {name}(evident.event_store) to evident_owner;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'kept_event_%s'),
            'settings', evident._sql_set_clauses(
                (
                    select jsonb_object_agg(lower(s.name), s.reset_val)
                    from pg_settings as s
                )
            ),
            'body', format('%L', format(
                $keep$
            %1$s
            if %2$s then
                if current_user operator(pg_catalog.<>) 'evident_projector' then
                    perform evident._refuse_settings();
                end if;
                declare
                    v_abbreviations constant text := pg_catalog.current_setting(
                        'timezone_abbreviations'
                    );
                begin
                    if v_abbreviations operator(pg_catalog.=) 'Default' then
                        perform %3$s(new);
                    else
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', 'Default', true
                        );
                        perform %3$s(new);
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', v_abbreviations, true
                        );
                    end if;
                end;
            end if;
            return null;
        end;
        $keep$,
                evident._sql_fold_event(p_projection),
                evident._sql_is_folded(p_projection, 'new'),
                evident._name_of_object(p_projection, 'pinned_%s')
            ))
        )
    );
end;

comment on function evident._sql_kept_event_function(evident.projection) is
'SQL that creates or replaces kept_event_<projection>.';

revoke all on function evident._sql_kept_event_function(evident.projection) from public;
