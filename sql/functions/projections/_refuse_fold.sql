-- evident._refuse_fold: raise a fold's error again, with the projection's name.
--
-- The code, message and detail stay the fold's; the message gets the name in front,
-- a detail that is empty too, and the hint tells the way out.
--
-- Errors: the given one, always.

create or replace function evident._refuse_fold(
    p_name text,
    p_sqlstate text,
    p_message text,
    p_detail text
)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = p_sqlstate,
        message = format('projection %s: %s', p_name, p_message),
        detail = coalesce(
            nullif(p_detail, ''), jsonb_build_object('projection', p_name)::text
        ),
        hint = format(
            'repair the fold of %s, or pause_projection(%L) to go on without it',
            p_name, p_name
        );
end;
$function$;

comment on function evident._refuse_fold(text, text, text, text) is
'Raises a fold''s error with the projection''s name and a hint.';

revoke all on function evident._refuse_fold(text, text, text, text) from public;
grant execute on function evident._refuse_fold(text, text, text, text)
to evident_projector;
