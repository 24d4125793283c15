-- evident._make_keep_batch: make the trigger for many events of a synchronous
-- projection.
--
-- keep_batch_<projection> folds the events of a statement by key. As in _make_keep, the
-- trigger's function is the owner's, and names kept_batch_<projection>, which belongs
-- to evident_projector, runs as that role, and looks first whether it does.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_keep_batch(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._make_functions(evident._sql_kept_batch_function(p_projection));
    perform evident._run_ddl(evident._sql_keep_batch_trigger(p_projection));
end;
$function$;

comment on function evident._make_keep_batch(evident.projection) is
'Creates or replaces the trigger for many events, and enables it.';

revoke all on function evident._make_keep_batch(evident.projection) from public;
