-- evident._make_keep: write the trigger for one event of a synchronous projection.
--
-- keep_event_<read model>, for each row, is the short way where the key is the
-- aggregate. Functions that insert many events set evident.is_batch, and the trigger of
-- _make_keep_batch folds those. Either is right for any number of events, so the
-- setting is only about speed, and exactly one of the two acts.
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
-- A cast in a fold may depend on settings, and a replay must give the same: the fold
-- runs under the settings of all other paths, by pinned_<read model> where the
-- session's are others. The trigger function itself sets none, which would cost a
-- tenth of the append; it runs inside the append functions, which pin their path.
--
-- Bodies are quoted as literals: an event type may hold whatever would end a body
-- between dollars, and what follows would run as the owner. In them names of columns
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
    v_pinned constant text := evident._projection_object(p_projection, 'pinned_%s');
    v_next constant text := evident._projection_object(p_projection, 'next_%s');
    v_apply constant text := to_regprocedure(p_projection.apply)::oid::regproc;
    -- Setting them costs more than looking, and most sessions have them so.
    v_step constant text :=
        $sql$
            case
                when current_setting('timezone') in ('UTC', 'Etc/UTC')
                    and current_setting('datestyle') = 'ISO, MDY'
                    and current_setting('search_path') = 'pg_catalog, pg_temp'
                    then %1$s(%3$s, %4$s)
                else %2$s(%3$s, %4$s)
            end
        $sql$;
    v_is_ours constant text := format(
        '%s and current_setting(''evident.is_batch'', true) is distinct from ''on''',
        evident._projection_types(p_projection, 'new')
    );
begin
    execute format(
        $sql$
        create or replace function %1$s(
            p_row %2$s, p_event evident.event_store
        )
        returns %2$s
        language plpgsql
        stable
        parallel safe
        set search_path = pg_catalog, pg_temp
        set datestyle = 'ISO, MDY'
        set timezone = 'UTC'
        as %3$L;

        create or replace function %4$s(
            p_row %2$s, p_event evident.event_store
        )
        returns %2$s
        language plpgsql
        stable
        parallel safe
        as %5$L;

        comment on function %1$s(%2$s, evident.event_store) is
        'Made by create_projection: the fold step, under the settings that all use.';
        comment on function %4$s(%2$s, evident.event_store) is
        'Made by create_projection: the fold step, naming the projection in errors.';

        revoke all on function %1$s(%2$s, evident.event_store) from public;
        revoke all on function %4$s(%2$s, evident.event_store) from public;
        $sql$,
        v_pinned,
        p_projection.name,
        format(
            $pinned$
        begin
            return %s(p_row, p_event);
        end;
        $pinned$,
            v_apply
        ),
        v_next,
        format(
            $next$
        declare
            v_message text;
            v_detail text;
        begin
            return %s;
        %s
        $next$,
            format(v_step, v_apply, v_pinned, 'p_row', 'p_event'),
            evident._projection_refusal(p_projection)
        )
    );

    execute format(
        $sql$
        create or replace function %1$s()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        as %2$L;

        comment on function %1$s() is
        'Made by create_projection: folds one event into the read model.';

        revoke all on function %1$s() from public;

        create or replace trigger %3$I
        after insert on evident.event_store
        for each row execute function %1$s();
        $sql$,
        evident._projection_object(p_projection, 'keep_event_%s'),
        format(
            $keep$
        #variable_conflict use_column
        declare
            v_row %1$s;
            v_found record;
            v_message text;
            v_detail text;
        begin
            if %2$s then
                if new.version = 1 then
                    v_row.%3$I := new.aggregate_id;
                    begin
                        v_row := %4$s;
                    %5$s
                    insert into %1$s as t (%6$s)
                    select %7$s
                    where v_row.%3$I is not null
                    %8$s;
                    return null;
                end if;

                select
                    row(s.*)::%1$s as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from %1$s as s
                where s.%3$I = new.aggregate_id;

                if found then
                    begin
                        v_row := %14$s;
                    %5$s
                    update %1$s as t
                    set %15$s
                    where
                        t.ctid = v_found.place
                        and t.xmin = v_found.writer
                        and t.%3$I = new.aggregate_id
                        and v_row.%3$I is not null;
                    if found then
                        return null;
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
            end if;
            return null;
        end;
        $keep$,
            p_projection.name,
            v_is_ours,
            p_projection.key_column,
            format(v_step, v_apply, v_pinned, 'v_row', 'new'),
            evident._projection_refusal(p_projection),
            evident._projection_columns(p_projection, '%1$s'),
            evident._projection_columns(
                p_projection, 'v_row.%1$s', 'new.aggregate_id'
            ),
            evident._projection_upsert(p_projection),
            evident._projection_columns(
                p_projection, '(f.next_row).%1$s', 'new.aggregate_id'
            ),
            v_next,
            evident._projection_blank(p_projection, 'new.aggregate_id'),
            evident._projection_snapshot(p_projection),
            evident._projection_stored(p_projection, 'new.aggregate_id'),
            format(v_step, v_apply, v_pinned, 'v_found.stored', 'new'),
            coalesce(
                evident._projection_columns(p_projection, '%1$s = v_row.%1$s', ''),
                format('%1$I = t.%1$I', p_projection.key_column)
            )
        ),
        evident._projection_trigger(p_projection, 'keep_event_%s')
    );
end;
$function$;

comment on function evident._make_keep(evident.projection) is
'Creates or replaces the trigger for single events, and enables it.';

revoke all on function evident._make_keep(evident.projection) from public;
