-- evident._projection_definition: a fingerprint of what each projection is made of.
--
-- The fold, the function that tells the keys, the event types and the columns of the
-- read model. The registration keeps the fingerprint of what its rows were folded
-- with; where they differ, the projection is stale. What a fold calls is not
-- looked into. Null when something is missing; the types of the arguments are looked
-- up only while the read model is there, since their absence would be an error.

create or replace view evident._projection_definition as
select
    r.name,
    case
        when
            pg_get_functiondef(r.apply) is not null
            and (r.has_keys = (r.keys is not null))
            then encode(
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
    end as definition
from (
    select
        p.name,
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
) as r;

comment on view evident._projection_definition is
'The fingerprint of each projection''s fold, keys, event types and columns, as they
are now; null when one of them is missing.';

revoke all on table evident._projection_definition from public;
