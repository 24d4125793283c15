-- evident._require_projection: the registered projection of a name.
--
-- Errors: PT404

create or replace function evident._require_projection(p_name text)
returns evident.projection
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_projection evident.projection;
begin
    select p.*
    into v_projection
    from evident.projection as p
    where p.name = p_name;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'no such projection: %s', coalesce(evident._short(p_name), 'null')
            ),
            detail = jsonb_build_object('name', evident._short(p_name))::text,
            hint = 'a projection has the name of its read model, schema included;'
                ' see evident.projection_status';
    end if;
    return v_projection;
end;
$function$;

comment on function evident._require_projection(text) is
'The registered projection of a name. Errors: PT404 no such projection.';

revoke all on function evident._require_projection(text) from public;
