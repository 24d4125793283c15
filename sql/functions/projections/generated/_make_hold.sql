-- evident._make_hold: make the trigger that refuses appends to parked keys.
--
-- While appends keep a read model, a key that is parked must get no further events: its
-- row has not seen those that wait. hold_event_<projection> refuses them, and all other
-- keys go on. It is made when a projection goes live with parked keys, and disabled
-- when none is left (_drop_hold): otherwise each append would pay for a look.
--
-- No key is parked while appends keep the read model. So one that is found free here
-- stays so, and the triggers that fold, whose names come later in the alphabet, find
-- what freed it (retry_failure, skip_failure, a rebuild) in its row.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_hold(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._run_ddl(evident._sql_hold_trigger(p_projection));
end;
$function$;

comment on function evident._make_hold(evident.projection) is
'Creates or replaces the trigger that refuses appends to parked keys, and enables it.';

revoke all on function evident._make_hold(evident.projection) from public;
