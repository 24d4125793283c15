-- evident._make_fold: create what folds a projection's events.
--
-- step_<projection> and keys_<projection> stand for the fold and for the function that
-- tells keys; events_of_<projection> has the events; fold_<projection> folds them from
-- nothing, and refold_<projection> onto a row. Each has a function of its own that
-- writes its SQL (_sql_step_function and its neighbours).
--
-- All belong to evident_projector, and it alone may use them. What they declare is
-- what the fold declares, and no more.
--
-- Whatever runs a fold pins its settings (_fold_settings): casts in a fold, and the
-- text of a key (a day), must be the same for a failure, a skip, a lock and every
-- session.

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
    v_attributes constant text := evident._routine_attributes(p_apply);
begin
    perform evident._make_functions(
        evident._sql_step_function(p_projection, p_apply)
    );
    if p_keys is not null then
        perform evident._make_functions(
            evident._sql_keys_function(p_projection, p_keys)
        );
    end if;
    perform evident._make_functions(evident._sql_events_view(p_projection));
    perform evident._make_functions(
        evident._sql_folding_function(p_projection, v_attributes)
        || evident._sql_refolding_function(p_projection, v_attributes)
        || evident._sql_fold_aggregate(p_projection, v_attributes)
        || evident._sql_refold_aggregate(p_projection, v_attributes)
    );
end;
$function$;

comment on function
evident._make_fold(evident.projection, regprocedure, regprocedure) is
'Creates or replaces the wrappers of a fold and its keys, the view of a projection''s
events, and its aggregates.';

revoke all on function
evident._make_fold(evident.projection, regprocedure, regprocedure) from public;
