-- evident._refuse_settings: stop a fold that reaches for more than it has.
--
-- Raised by what runs folds (_as_projector, _ask_projector, the keep functions) when
-- it finds itself with other rights, or the path changed. The result is that of a
-- trigger that has nothing to say.
--
-- Errors: 42501, always.

create or replace function evident._refuse_settings()
returns evident.event_store
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'insufficient_privilege',
        message = 'a fold changed search_path, or what runs folds was altered',
        detail = jsonb_build_object('role', current_user)::text,
        hint = 'a fold only computes: it leaves settings and functions as they are;'
            ' see evident.guard_status()';
end;
$function$;

comment on function evident._refuse_settings() is
'Raises 42501: what runs folds was altered, or the path was changed.';

revoke all on function evident._refuse_settings() from public;
grant execute on function evident._refuse_settings() to evident_projector;
