-- evident._make_fold: create what folds a projection's events.
--
-- events_of_<read model>: the events that it is made of, once for each of their keys.
-- Every path reads them here, so types, keys and what was skipped are settled once.
-- What was skipped as a whole (key '') must not reach the function that tells the
-- keys: `offset 0` keeps the planner from changing that order.
--
-- fold_<read model>(key, event) folds from nothing; a row comes into being with only
-- its key set, and does so again after a fold gave null, which removes it.
-- fold_<read model>(row, event) goes on from a row, which is looked at only while
-- there is none; but its key always, so that a fold cannot move on to another one.
--
-- All are plain catalog objects, of use by hand too: with "order by" the position.
--
-- Whatever runs a fold pins DateStyle and TimeZone: casts in a fold, and the text of a
-- key (a day), must be the same for a failure, a skip, a lock and every session.
--
-- Bodies are quoted as literals: a column or a fold may be named like whatever ends a
-- body between dollars, and what follows would run as the owner.

create or replace function evident._make_fold(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_apply constant text := to_regprocedure(p_projection.apply)::oid::regproc;
begin
    execute format(
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
        'Made by create_projection: the events of the projection, once for each key.';

        revoke all on table %1$s from public;
        grant select on table %1$s to evident_reader, evident_operator, evident_auditor;
        $sql$,
        evident._projection_object(p_projection, 'events_of_%s'),
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
        evident._projection_types(p_projection, 'e'),
        p_projection.name,
        evident._projection_keys(
            p_projection,
            case when p_projection.keys is null then 'e' else 'l.event' end
        )
    );

    execute format(
        $sql$
        create or replace function %1$s(
            p_state %3$s, p_key %4$s, p_event evident.event_store
        )
        returns %3$s
        language plpgsql
        immutable
        parallel safe
        as %5$L;

        create or replace function %1$s(
            p_state %3$s, p_start %3$s, p_event evident.event_store
        )
        returns %3$s
        language plpgsql
        immutable
        parallel safe
        as %6$L;

        create or replace aggregate %2$s(%4$s, evident.event_store) (
            sfunc = %1$s,
            stype = %3$s,
            parallel = safe
        );

        create or replace aggregate %2$s(%3$s, evident.event_store) (
            sfunc = %1$s,
            stype = %3$s,
            parallel = safe
        );

        comment on function %1$s(%3$s, %4$s, evident.event_store) is
        'Made by create_projection: the row so far, its key set, and an event.';
        comment on function %1$s(%3$s, %3$s, evident.event_store) is
        'Made by create_projection: as the fold step, from p_start at first.';
        comment on aggregate %2$s(%4$s, evident.event_store) is
        'Made by create_projection: folds events, in the order given by "order by",
into the row of a key.';
        comment on aggregate %2$s(%3$s, evident.event_store) is
        'Made by create_projection: folds events, in the order given by "order by",
onto an existing row.';

        revoke all on function %1$s(%3$s, %4$s, evident.event_store) from public;
        revoke all on function %1$s(%3$s, %3$s, evident.event_store) from public;
        revoke all on function %2$s(%4$s, evident.event_store) from public;
        revoke all on function %2$s(%3$s, evident.event_store) from public;
        grant execute on function
        %1$s(%3$s, %4$s, evident.event_store),
        %1$s(%3$s, %3$s, evident.event_store),
        %2$s(%4$s, evident.event_store),
        %2$s(%3$s, evident.event_store),
        %7$s
        to evident_reader, evident_operator, evident_auditor;
        $sql$,
        evident._projection_object(p_projection, 'fold_%s_step'),
        evident._projection_object(p_projection, 'fold_%s'),
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
            v_apply
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
            v_apply
        ),
        concat_ws(
            ', ',
            to_regprocedure(p_projection.apply), to_regprocedure(p_projection.keys)
        )
    );
end;
$function$;

comment on function evident._make_fold(evident.projection) is
'Creates or replaces the view of a projection''s events, and its aggregates.';

revoke all on function evident._make_fold(evident.projection) from public;
