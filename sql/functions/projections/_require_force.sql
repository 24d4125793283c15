-- evident._require_force: refuse to leave a rule off by the way.
--
-- An invariant refuses appends that break its rule. Whoever stops it has to mean it,
-- and say why (_record_force); without an actor it was the login's own decision.
-- Elsewhere the reason may be left out, too.
--
-- Errors: PT400

create or replace function evident._require_force(
    p_projection evident.projection,
    p_actor text,
    p_reason text,
    p_force boolean
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_projection.is_invariant and p_force is not true then
        perform evident._refuse_argument(
            'p_force',
            format(
                'appends would no longer be held to the rule of %s', p_projection.name
            ),
            'pass p_force => true with a p_reason, which is recorded'
        );
    end if;
    if p_projection.is_invariant or p_actor is not null or p_reason is not null then
        perform evident._check_decision(coalesce(p_actor, session_user), p_reason);
    end if;
end;
$function$;

comment on function
evident._require_force(evident.projection, text, text, boolean) is
'Raises PT400 unless an invariant is stopped by force, with a reason.';

revoke all on function
evident._require_force(evident.projection, text, text, boolean) from public;
