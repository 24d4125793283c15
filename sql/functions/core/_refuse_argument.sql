-- evident._refuse_argument: raise PT400 for one argument.
--
-- A function, so that a query over many entries can refuse the first bad one
-- and every caller words the refusal alike.
--
-- Errors: PT400, always.

create or replace function evident._refuse_argument(
    p_argument text,
    p_reason text,
    p_hint text
)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT400',
        message = format('invalid argument %s: %s', p_argument, p_reason),
        detail = jsonb_build_object(
            'argument', p_argument,
            'reason', p_reason
        )::text,
        hint = p_hint;
end;
$function$;

comment on function evident._refuse_argument(text, text, text) is
'Raises PT400 with the detail {"argument", "reason"} and the given hint.';

revoke all on function evident._refuse_argument(text, text, text) from public;
grant execute on function evident._refuse_argument(text, text, text)
to evident_projector;
