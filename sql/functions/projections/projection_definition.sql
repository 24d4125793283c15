-- evident.projection_definition: a fingerprint of what a projection is made of.
--
-- The fold, the function that tells the keys, the event types and the columns of the
-- read model. The registration keeps the fingerprint of what its rows were folded
-- with; where they differ, the projection is stale. What a fold calls is not
-- looked into.
--
-- A function with a path and settings of its own, since definitions are written out
-- with as many schema names as the path demands, and with constants as the session
-- would show them; and with the owner's rights, since who reads projection_status need
-- not have any on the read models' schemas.
--
-- The functions are those that are bound (_projection_bound), whatever has their
-- names now.
--
-- Errors: PT404

create or replace function evident.projection_definition(p_name text)
returns text
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set standard_conforming_strings = on
set bytea_output = 'hex'
set extra_float_digits = 1
set intervalstyle = 'postgres'
set datestyle = 'ISO, MDY'
set timezone = 'UTC'
as $function$
declare
    v_projection constant evident.projection := evident._require_projection(p_name);
    v_model constant oid := evident._read_model(v_projection);
    v_apply constant oid := evident._projection_bound(v_projection, 'step_%s');
    v_keys constant oid := evident._projection_bound(v_projection, 'keys_%s');
begin
    if v_model is null
        or v_apply is null or (v_keys is null) <> (v_projection.keys is null) then
        return null;
    end if;

    return (
        select
            encode(
                sha256(
                    convert_to(
                        jsonb_build_array(
                            pg_get_functiondef(v_apply),
                            pg_get_functiondef(v_keys),
                            v_projection.event_types,
                            jsonb_agg(
                                jsonb_build_array(
                                    a.attname,
                                    format_type(a.atttypid, a.atttypmod)
                                )
                                order by a.attnum
                            )
                        )::text,
                        'UTF8'
                    )
                ),
                'hex'
            )
        from pg_attribute as a
        where a.attrelid = v_model and a.attnum > 0 and not a.attisdropped
    );
end;
$function$;

comment on function evident.projection_definition(text) is
'The fingerprint of a projection''s fold, keys, event types and columns, as they are
now; null when one of them is missing. Where it is not the one that the rows were
folded with, the projection is stale. Errors: PT404 no such projection.';

revoke all on function evident.projection_definition(text) from public;
grant execute on function evident.projection_definition(text) to
evident_reader, evident_operator, evident_auditor, evident_monitor;
