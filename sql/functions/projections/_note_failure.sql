-- evident._note_failure: park a key behind the event that could not be folded.
--
-- Only for what is the event's and the fold's doing. An error of the server, of
-- another transaction, or of a fold that is not there at all is raised again: it
-- says nothing about this event, and parking every key would not help.
--
-- Errors: the given one.

create or replace function evident._note_failure(
    p_projection evident.projection,
    p_key text,
    p_position bigint,
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
    perform evident._require_event_error(p_projection, p_sqlstate, p_message);

    insert into evident.projection_failure as f (
        projection, key, position, code, message
    )
    values (p_projection.name, p_key, p_position, p_sqlstate, p_message)
    on conflict (projection, key) do update
    set
        position = excluded.position,
        code = excluded.code,
        message = excluded.message,
        attempts = case
            when f.position = excluded.position then f.attempts + 1
            else 1
        end,
        failed_at = excluded.failed_at;
end;
$function$;

comment on function
evident._note_failure(evident.projection, text, bigint, text, text) is
'Parks a key behind an event, or raises an error that is not the event''s doing.';

revoke all on function
evident._note_failure(evident.projection, text, bigint, text, text) from public;
