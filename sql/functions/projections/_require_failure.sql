-- evident._require_failure: the failure of a parked key.
--
-- Errors: PT400, PT404

create or replace function evident._require_failure(
    p_projection evident.projection,
    p_key text
)
returns evident.projection_failure
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_key constant text := case
        when p_key = '' then '' else evident._canonical_key(p_projection, p_key)
    end;
    v_failure evident.projection_failure;
begin
    select f.*
    into v_failure
    from evident.projection_failure as f
    where f.projection = p_projection.name and f.key = v_key;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'projection %s has no parked key %s',
                p_projection.name,
                coalesce(quote_literal(evident._short(p_key)), 'null')
            ),
            detail = jsonb_build_object(
                'name', p_projection.name, 'key', evident._short(p_key)
            )::text,
            hint = 'see evident.projection_failure';
    end if;
    return v_failure;
end;
$function$;

comment on function evident._require_failure(evident.projection, text) is
'The failure of a parked key, whatever text of it is given. Errors: PT400 no such key
can be, PT404 it is not parked.';

revoke all on function evident._require_failure(evident.projection, text)
from public;
