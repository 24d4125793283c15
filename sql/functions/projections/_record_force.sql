-- evident._record_force: make it history that a rule is no longer enforced.
--
-- In the store's own stream, where nobody can change it: who decided it and why, as
-- they were given, beside the login that did it.
--
-- Errors: those of _append_own_event

create or replace function evident._record_force(
    p_projection evident.projection,
    p_event_type text,
    p_actor text,
    p_reason text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_projection.is_invariant then
        perform evident._append_own_event(
            p_event_type,
            jsonb_build_object(
                'projection', p_projection.name,
                'actor', coalesce(p_actor, session_user),
                'reason', p_reason
            )
        );
    end if;
end;
$function$;

comment on function
evident._record_force(evident.projection, text, text, text) is
'Appends an event, {"projection", "actor", "reason"}, to the store''s own stream when
the projection is an invariant.';

revoke all on function
evident._record_force(evident.projection, text, text, text) from public;
