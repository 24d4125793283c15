-- evident._canonical_key: the one text of a key that somebody wrote.
--
-- Errors: PT400 it is no value of the key's type

create or replace function evident._canonical_key(
    p_projection evident.projection,
    p_key text
)
returns text
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select a.answer ->> 0
        from evident._ask_projector(
            format(
                'select jsonb_build_array(%L::%s::text)', p_key, p_projection.key_type
            )
        ) as a (answer)
    );
exception when data_exception then
    perform evident._refuse_argument(
        'p_key', 'not a ' || p_projection.key_type,
        'give a key as the read model has it'
    );
end;
$function$;

comment on function evident._canonical_key(evident.projection, text) is
'The text that the value of a key has, whatever text was given for it. Errors: PT400.';

revoke all on function evident._canonical_key(evident.projection, text) from public;
