-- evident._refuse_key: stop a text that cannot be a key.
--
-- Raised at the door, where the function that tells keys gives its texts.
--
-- Errors: PT400, always.

create or replace function evident._refuse_key(p_key text, p_reason text)
returns text
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT400',
        message = format(
            'invalid argument key: %s: %L', p_reason, left(p_key, 40)
        ),
        detail = jsonb_build_object(
            'argument', 'key', 'reason', p_reason
        )::text,
        hint = 'the function that tells the keys gives texts of at most 1000 bytes,'
            ' which mean the same whenever it runs';
end;
$function$;

comment on function evident._refuse_key(text, text) is
'Raises PT400 for a text that cannot be a key. Its result stands for the key.';

revoke all on function evident._refuse_key(text, text) from public;
grant execute on function evident._refuse_key(text, text) to evident_projector;
