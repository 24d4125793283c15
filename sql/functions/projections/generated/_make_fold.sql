-- evident._make_fold: create what folds a projection's events.
--
-- step_<projection>(row, event) and keys_<projection>(event) stand for the fold and for
-- the function that tells keys, and everything calls these. Their bodies are parsed
-- when they are made, so they are bound to the functions and not to names: dropping
-- such a function is refused, and one that is made in its place is not run. They take
-- whole rows, so columns may change; and they are inlined.
--
-- events_of_<projection>: the events that it is made of, once for each of their keys.
-- Every path reads them here, so types, keys and what was skipped are settled once.
-- What was skipped as a whole (key '') must not reach the function that tells the
-- keys: `offset 0` keeps the planner from changing that order.
--
-- fold_<projection>(key, event) folds from nothing; a row comes into being with only
-- its key set, and does so again after a fold gave null, which removes it.
-- refold_<projection>(row, event) goes on from a row, which is looked at only while
-- there is none; but its key always, so that a fold cannot move on to another one.
--
-- All belong to evident_projector, and it alone may use them. What they declare is
-- what the fold declares, and no more.
--
-- Whatever runs a fold pins its settings (_fold_settings): casts in a fold, and the
-- text of a key (a day), must be the same for a failure, a skip, a lock and every
-- session.
--
-- Bodies are quoted as literals: a column or a fold may be named like whatever ends a
-- body between dollars, and what follows would run as well.

create or replace function evident._make_fold(
    p_projection evident.projection,
    p_apply regprocedure,
    p_keys regprocedure
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_step constant text := evident._name_of_object(p_projection, 'step_%s');
    v_attributes constant text := evident._routine_attributes(p_apply);
begin
    perform evident._make_functions(
        format(
            $sql$
            create or replace function %1$s(p_row %2$s, p_event evident.event_store)
            returns %2$s
            language sql
            %3$s
            begin atomic
                select %4$s(p_row, p_event);
            end;

            comment on function %1$s(%2$s, evident.event_store) is
            'Made by create_projection: stands for the fold step.';

            revoke all on function %1$s(%2$s, evident.event_store) from public;
            $sql$,
            v_step,
            p_projection.name,
            v_attributes,
            p_apply::oid::regproc
        )
    );
    if p_keys is not null then
        perform evident._make_functions(
            format(
                $sql$
                create or replace function %1$s(p_event evident.event_store)
                returns %2$s
                language sql
                %3$s
                begin atomic
                    %4$s;
                end;

                comment on function %1$s(evident.event_store) is
                'Made by create_projection: stands for the function that tells keys.';

                revoke all on function %1$s(evident.event_store) from public;
                $sql$,
                evident._name_of_object(p_projection, 'keys_%s'),
                pg_get_function_result(p_keys),
                evident._routine_attributes(p_keys),
                format(
                    case
                        when (
                            select p.proretset
                            from pg_proc as p
                            where p.oid = p_keys
                        )
                            then 'select k.key from %s(p_event) as k (key)'
                        else 'select %s(p_event)'
                    end,
                    p_keys::oid::regproc
                )
            )
        );
    end if;

    perform evident._make_functions(
        format(
            $sql$
            create or replace view %1$s
            with (security_invoker = on) as
            select
                k.key,
                e as event,
                e.id as position
            from evident.event_store as e
            %2$s
            cross join lateral (%5$s) as k (key)
            where
                %3$s
                and not exists (
                    select
                    from evident.projection_skip as s
                    where
                        s.projection = %4$L
                        and s.position = e.id
                        and s.key = k.key::text
                );

            comment on view %1$s is
            'Made by create_projection: the events of the projection, once for each
key.';
            $sql$,
            evident._name_of_object(p_projection, 'events_of_%s'),
            case
                when p_projection.keys is not null then format(
                    $sql$
                    cross join lateral (
                        select e as event
                        where not exists (
                            select
                            from evident.projection_skip as s
                            where
                                s.projection = %L
                                and s.position = e.id
                                and s.key = ''
                        )
                        offset 0
                    ) as l
                    $sql$,
                    p_projection.name
                )
            end,
            evident._sql_is_folded(p_projection, 'e'),
            p_projection.name,
            evident._sql_keys_of(
                p_projection,
                case when p_projection.keys is null then 'e' else 'l.event' end
            )
        )
    );

    perform evident._make_functions(
        format(
            $sql$
            create or replace function %1$s(
                p_state %3$s, p_key %4$s, p_event evident.event_store
            )
            returns %3$s
            language plpgsql
            %7$s
            as %5$L;

            create or replace function %9$s(
                p_state %3$s, p_start %3$s, p_event evident.event_store
            )
            returns %3$s
            language plpgsql
            %7$s
            as %6$L;

            create or replace aggregate %2$s(%4$s, evident.event_store) (
                sfunc = %1$s,
                stype = %3$s,
                parallel = %8$s
            );

            create or replace aggregate %10$s(%3$s, evident.event_store) (
                sfunc = %9$s,
                stype = %3$s,
                parallel = %8$s
            );

            comment on function %1$s(%3$s, %4$s, evident.event_store) is
            'Made by create_projection: the row so far, its key set, and an event.';
            comment on function %9$s(%3$s, %3$s, evident.event_store) is
            'Made by create_projection: as the fold step, from p_start at first.';
            comment on aggregate %2$s(%4$s, evident.event_store) is
            'Made by create_projection: folds events, in the order given by "order by",
into the row of a key.';
            comment on aggregate %10$s(%3$s, evident.event_store) is
            'Made by create_projection: folds events, in the order given by "order by",
onto an existing row.';

            revoke all on function %1$s(%3$s, %4$s, evident.event_store) from public;
            revoke all on function %9$s(%3$s, %3$s, evident.event_store) from public;
            revoke all on function %2$s(%4$s, evident.event_store) from public;
            revoke all on function %10$s(%3$s, evident.event_store) from public;
            $sql$,
            evident._name_of_object(p_projection, 'folding_%s'),
            evident._name_of_object(p_projection, 'fold_%s'),
            p_projection.name,
            p_projection.key_type,
            format(
                $step$
            begin
                p_state.%1$I := p_key;
                return %2$s(p_state, p_event);
            end;
            $step$,
                p_projection.key_column,
                v_step
            ),
            format(
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
                p_projection.key_column,
                v_step
            ),
            v_attributes,
            substring(v_attributes from '[a-z]+$'),
            evident._name_of_object(p_projection, 'refolding_%s'),
            evident._name_of_object(p_projection, 'refold_%s')
        )
    );
end;
$function$;

comment on function
evident._make_fold(evident.projection, regprocedure, regprocedure) is
'Creates or replaces the wrappers of a fold and its keys, the view of a projection''s
events, and its aggregates.';

revoke all on function
evident._make_fold(evident.projection, regprocedure, regprocedure) from public;
