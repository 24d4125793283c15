-- evident.projection_definition: a fingerprint of what a projection is made of.
--
-- The fold, the function that tells the keys, the event types and the columns of the
-- read model, as they are now. The registration keeps the fingerprint of what its
-- rows were folded with; where they differ, the projection is stale. What a fold
-- calls is not looked into. The types of the arguments are looked up only while the
-- read model is there, since their absence would be an error.
--
-- PostgreSQL prints names as short as the search path allows, hence the path is set.
-- Public, since projection_status runs it with its reader's rights.

create or replace function evident.projection_definition(p_name text)
returns text
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
    select
        encode(
            sha256(
                convert_to(
                    jsonb_build_array(
                        pg_get_functiondef(r.apply),
                        pg_get_functiondef(r.keys),
                        r.event_types,
                        (
                            select
                                jsonb_agg(
                                    jsonb_build_array(
                                        a.attname,
                                        format_type(a.atttypid, a.atttypmod)
                                    )
                                    order by a.attnum
                                )
                            from pg_attribute as a
                            where
                                a.attrelid = r.model
                                and a.attnum > 0
                                and not a.attisdropped
                        )
                    )::text,
                    'UTF8'
                )
            ),
            'hex'
        )
    from (
        select
            p.event_types,
            p.keys is not null as has_keys,
            to_regclass(p.name) as model,
            case
                when to_regclass(p.name) is not null then to_regprocedure(p.apply)
            end as apply,
            case
                when to_regclass(p.name) is not null then to_regprocedure(p.keys)
            end as keys
        from evident.projection as p
        where p.name = p_name
    ) as r
    where
        pg_get_functiondef(r.apply) is not null
        and (r.has_keys = (r.keys is not null));
end;

comment on function evident.projection_definition(text) is
'A fingerprint of a projection''s fold, keys, event types and columns, as they are now;
null when one of them is missing.';

revoke all on function evident.projection_definition(text) from public;
grant execute on function evident.projection_definition(text) to evident_reader;
