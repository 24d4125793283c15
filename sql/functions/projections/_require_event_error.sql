-- evident._require_event_error: raise again what is not an event's doing.
--
-- For whoever folds in the background and would park a key. An error of the
-- server, of another transaction, or of a fold that is broken or gone at all (class 42)
-- says nothing about the event at hand, and parking every key would not help.
--
-- Whoever has the lock that was not to be had is named.
--
-- Errors: the given one

create or replace function evident._require_event_error(
    p_projection evident.projection,
    p_sqlstate text,
    p_message text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_sqlstate = '55P03' then
        perform evident._refuse_lock(
            p_projection.name,
            format('projection %s: %s', p_projection.name, p_message),
            array[evident._read_model(p_projection)],
            'nothing was folded; the next run tries again'
        );
    end if;
    if not evident._is_fold_error(p_sqlstate) or left(p_sqlstate, 2) = '42' then
        perform evident._refuse_fold(p_projection.name, p_sqlstate, p_message, null);
    end if;
end;
$function$;

comment on function evident._require_event_error(evident.projection, text, text) is
'Raises an error again, with the projection''s name, unless an event is to blame.';

revoke all on function evident._require_event_error(evident.projection, text, text)
from public;
