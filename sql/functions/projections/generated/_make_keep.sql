-- evident._make_keep: make the trigger for one event of a synchronous projection.
--
-- keep_event_<projection>, for each row, is the short way where the key is the
-- aggregate. Functions that insert many events set evident.is_batch, and the trigger of
-- _make_keep_batch folds those. Either is right for any number of events, so the
-- setting is only about speed, and exactly one of the two acts: which one is settled
-- before the first of a statement's events is folded.
--
-- The trigger's function is the owner's, and names kept_event_<projection>, which folds
-- as evident_projector (_sql_fold_event), by itself or through pinned_<projection>.
--
-- Bodies are quoted as literals: an event type may hold whatever would end a body
-- between dollars, and what follows would run as well.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_keep(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._make_functions(
        evident._sql_row_function(p_projection)
        || evident._sql_next_function(p_projection)
        || evident._sql_pinned_function(p_projection)
        || evident._sql_kept_event_function(p_projection)
    );
    perform evident._run_ddl(evident._sql_keep_event_trigger(p_projection));
end;
$function$;

comment on function evident._make_keep(evident.projection) is
'Creates or replaces the trigger for single events, and enables it.';

revoke all on function evident._make_keep(evident.projection) from public;
