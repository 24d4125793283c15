-- evident._make_keep: write the trigger for one event of a synchronous projection.
--
-- keep_event_<projection>, for each row, is the short way where the key is the
-- aggregate. Functions that insert many events set evident.is_batch, and the trigger of
-- _make_keep_batch folds those. Either is right for any number of events, so the
-- setting is only about speed, and exactly one of the two acts: which one is settled
-- before the first of a statement's events is folded.
--
-- The first version of an aggregate has no row to look for. For others the row is read,
-- folded and written where it was found, which costs less than one statement for all.
-- The last step of a rebuild stops writers of the read model with a lock, so it may
-- change the row after that look. Then the row is no longer there, or another
-- transaction has written it, and this one does not: what follows does the work again,
-- as it does for a row that came or goes. There, reading and writing are one
-- statement, which has its lock on the table before its snapshot; so nothing is ever
-- folded onto a row that a rebuild is about to change.
--
-- Errors of the fold are caught around the fold alone, which costs no transaction id.
--
-- Events are inserted by the store's owner, and the fold runs as evident_projector, so
-- kept_event_<projection>, which folds, is a definer function of that role. A cast in a
-- fold may depend on settings, and a replay must give the same (_fold_settings): where
-- the session's are not those of all other paths, pinned_<projection>, the same with
-- all of them set, does the work. The function itself sets those that sessions begin
-- with otherwise in this database, since each costs some of the append. It is the one
-- definer function without a path, and looks at the path before anything else
-- (_sql_is_pinned).
--
-- A fold could alter that function, which its role owns: make it run as whoever
-- inserts, or move it to a schema of its own and give it another body there. As it
-- stands in this schema its body cannot be replaced (_make_functions), and runs a fold
-- as evident_projector or not at all. And it is found by its name here: a trigger has
-- its function by oid, wherever that was moved, and would run it as the store's owner.
-- So the trigger's function belongs to evident_owner, and names this one.
--
-- row_<projection> gives the row it is given; it is inlined, and bound to the type of
-- the read model as step_<projection> is. Whoever owns the read model's schema could
-- drop the table, and make another, with code of his own: then neither is there, and
-- no statement here would be planned, let alone run.
--
-- Bodies are quoted as literals: an event type may hold whatever would end a body
-- between dollars, and what follows would run as well. In them names of columns
-- come before those of variables: a key may be called v_row, and stands alone in
-- "on conflict".
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_keep(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_pinned constant text := evident._name_of_object(p_projection, 'pinned_%s');
    v_keep constant text := evident._name_of_object(
        p_projection, 'keep_event_%s'
    );
    v_kept constant text := evident._name_of_object(
        p_projection, 'kept_event_%s'
    );
    v_next constant text := evident._name_of_object(p_projection, 'next_%s');
    v_step constant text := evident._name_of_object(p_projection, 'step_%s');
    v_row constant text := evident._name_of_object(p_projection, 'row_%s');
    v_body constant text := format(
        $keep$
        #variable_conflict use_column
        declare
            v_row %1$s;
            v_found record;
            v_message text;
            v_detail text;
        begin
            if %2$s and %17$s then
                if new.version = 1 then
                    v_row.%3$I := new.aggregate_id;
                    begin
                        v_row := %4$s(v_row, new);
                    %5$s
                    insert into %1$s as t (%6$s)
                    select %7$s
                    where v_row.%3$I is not null
                    %8$s;
                    %16$s
                end if;

                select
                    %18$s(row(s.*)::%1$s) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from %1$s as s
                where s.%3$I = new.aggregate_id;

                if found then
                    begin
                        v_row := %4$s(v_found.stored, new);
                    %5$s
                    update %1$s as t
                    set %15$s
                    where
                        t.ctid = v_found.place
                        and t.xmin = v_found.writer
                        and t.%3$I = new.aggregate_id
                        and v_row.%3$I is not null;
                    if found then
                        %16$s
                    end if;
                end if;

                %12$s
                insert into %1$s as t (%6$s)
                select %9$s
                from (
                    select
                        %10$s(
                            coalesce(%13$s, %11$s),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).%3$I is not null
                %8$s;

                if not found then
                    delete from %1$s as t
                    where t.%3$I = new.aggregate_id;
                end if;
                %16$s
            end if;
        $keep$,
        p_projection.name,
        evident._sql_is_pinned(),
        p_projection.key_column,
        v_step,
        evident._sql_end_of_fold_block(p_projection),
        evident._sql_columns(p_projection, '%1$s'),
        evident._sql_columns(
            p_projection, 'v_row.%1$s', 'new.aggregate_id'
        ),
        evident._sql_on_conflict(p_projection),
        evident._sql_columns(
            p_projection, '(f.next_row).%1$s', 'new.aggregate_id'
        ),
        v_next,
        evident._sql_blank_row(p_projection, 'new.aggregate_id'),
        evident._sql_refuse_old_snapshot(p_projection),
        evident._sql_stored_row(p_projection, 'new.aggregate_id'),
        null,
        coalesce(
            evident._sql_columns(p_projection, '%1$s = v_row.%1$s', ''),
            format('%1$I = t.%1$I', p_projection.key_column)
        ),
        evident._sql_return(),
        evident._sql_is_folded(p_projection, 'new'),
        v_row
    );
begin
    perform evident._make_functions(
        format(
            $sql$
            create or replace function %1$s(p_row %2$s)
            returns %2$s
            language sql
            immutable
            parallel safe
            begin atomic
                select p_row;
            end;

            create or replace function %3$s(
                p_row %2$s, p_event evident.event_store
            )
            returns %2$s
            language plpgsql
            volatile
            parallel unsafe
            as %4$L;

            create or replace function %5$s(new evident.event_store)
            returns evident.event_store
            language plpgsql
            volatile
            parallel unsafe
            set search_path = pg_catalog, pg_temp
            %9$s
            as %6$L;

            create or replace function %7$s(new evident.event_store)
            returns evident.event_store
            language plpgsql
            volatile
            parallel unsafe
            security definer
            %10$s
            as %8$L;

            comment on function %1$s(%2$s) is
            'Made by create_projection: the row that it is given.';
            comment on function %3$s(%2$s, evident.event_store) is
            'Made by create_projection: the fold step, naming the projection in
errors.';
            comment on function %5$s(evident.event_store) is
            'Made by create_projection: folds one event under the settings that all
use.';
            comment on function %7$s(evident.event_store) is
            'Made by create_projection: folds one event into the read model.';

            revoke all on function %1$s(%2$s) from public;
            revoke all on function %3$s(%2$s, evident.event_store) from public;
            revoke all on function %5$s(evident.event_store) from public;
            revoke all on function %7$s(evident.event_store) from public;
            grant execute on function %7$s(evident.event_store) to evident_owner;
            $sql$,
            v_row,
            p_projection.name,
            v_next,
            format(
                $next$
            declare
                v_message text;
                v_detail text;
            begin
                return %s(p_row, p_event);
            %s
            $next$,
                v_step,
                evident._sql_end_of_fold_block(p_projection)
            ),
            v_pinned,
            format(
                $pinned$
            %1$s
            if %2$s then
                perform evident._refuse_settings();
            end if;
            return null;
        end;
        $pinned$,
                v_body,
                evident._sql_is_folded(p_projection, 'new')
            ),
            v_kept,
            format(
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
                v_body,
                evident._sql_is_folded(p_projection, 'new'),
                v_pinned
            ),
            evident._sql_set_clauses(),
            evident._sql_set_clauses(
                (
                    select jsonb_object_agg(lower(s.name), s.reset_val)
                    from pg_settings as s
                )
            )
        )
    );
    perform evident._run_ddl(
        format(
            $sql$
            create or replace function %2$s()
            returns trigger
            language plpgsql
            volatile
            parallel unsafe
            as %3$L;

            comment on function %2$s() is
            'Made by create_projection: folds one event by what it names.';

            revoke all on function %2$s() from public;

            create or replace trigger %1$I
            after insert on evident.event_store
            for each row
            when (not evident._is_batch())
            execute function %2$s();
            $sql$,
            evident._name_of_trigger(p_projection, 'keep_event_%s'),
            v_keep,
            format(
                $call$
            begin
                return %s(new);
            end;
            $call$,
                v_kept
            )
        )
    );
end;
$function$;

comment on function evident._make_keep(evident.projection) is
'Creates or replaces the trigger for single events, and enables it.';

revoke all on function evident._make_keep(evident.projection) from public;
