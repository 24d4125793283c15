-- evident._catalog: the present catalog, as evident.baseline has it.
--
-- One row for each thing that matters, in schema evident, around it, and for each
-- projection: the read model with its partitions, the fold and the keys, and what was
-- made for it, told by its comment and its name. projection is empty for the package.
-- A state that would be long is its hash.
--
-- Definitions are rendered under settings of its own: what a session says must not look
-- like a change. PL/pgSQL, since it is there before the projections are.

create or replace function evident._catalog()
returns table (
    projection text, kind text, name text, state text, is_free boolean
)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set standard_conforming_strings = on
set bytea_output = 'hex'
set extra_float_digits = 1
set intervalstyle = 'postgres'
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
-- The catalog is small. Under the seal's enable_seqscan = off its joins look so dear
-- before PostgreSQL 18 that they are compiled, which takes a second each time.
set enable_seqscan = on
set jit = off
as $function$
declare
    v_schema constant oid := 'evident'::regnamespace::oid;
    v_relations oid [];
    v_routines oid [];
    v_schemas oid [];
    -- Which object is whose: two arrays, side by side. An oid alone names no object:
    -- it is one of a relation, a function or a schema, and after pg_upgrade of several.
    v_projections text [];
    v_objects text [];
    v_running text [];
    v_parked text [];
begin
    select array_agg(c.oid)
    into v_relations
    from pg_class as c
    where
        c.relnamespace = v_schema
        and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c');

    select array_agg(p.oid)
    into v_routines
    from pg_proc as p
    where p.pronamespace = v_schema;

    if to_regclass('evident.projection') is not null then
        -- By name and text: to_regclass needs a right on the schema, which whoever
        -- has taken the schema may have taken away.
        with recursive registered as materialized (
            select
                p.name,
                c.oid,
                c.relname::text as relname,
                c.relnamespace,
                p.apply,
                p.keys
            from evident.projection as p
            inner join pg_class as c
                inner join pg_namespace as n on c.relnamespace = n.oid
                on p.name = format('%I.%I', n.nspname, c.relname)
            where c.relkind in ('r', 'p', 'v', 'm', 'f')
        ),

        model as (
            select
                r.name,
                r.oid
            from registered as r

            union

            select
                m.name,
                i.inhrelid
            from model as m
            inner join pg_inherits as i on m.oid = i.inhparent
        ),

        made as (
            select
                r.name,
                m.kind,
                m.object
            from registered as r
            cross join lateral evident._projection_made(r.name) as m
        ),

        listed as (
            select
                m.name,
                m.oid as object,
                'r' as class
            from model as m
            union
            select
                m.name,
                m.object,
                case m.kind when 'view' then 'r' else 'f' end
            from made as m
            union
            select
                r.name,
                f.oid,
                'f'
            from pg_proc as f
            inner join registered as r on f.oid::regprocedure::text in (r.apply, r.keys)
            where 'evident.event_store'::regtype = any (f.proargtypes)
            union
            select
                r.name,
                r.relnamespace,
                'n'
            from registered as r
        )

        select
            array_agg(l.name),
            array_agg(l.class || l.object),
            v_relations || array_agg(distinct l.object) filter (
                where l.class = 'r' and l.object <> all (v_relations)
            ),
            v_routines || array_agg(distinct l.object) filter (
                where l.class = 'f' and l.object <> all (v_routines)
            ),
            array_agg(distinct l.object) filter (where l.class = 'n')
        into v_projections, v_objects, v_relations, v_routines, v_schemas
        from listed as l;

        select coalesce(array_agg(p.name), '{}')
        into v_running
        from evident.projection as p
        where p.state = 'running';

        select coalesce(array_agg(distinct f.projection), '{}')
        into v_parked
        from evident.projection_failure as f;
    end if;

    -- A trigger that keeps a read model is on while its projection is running; one that
    -- refuses events of parked keys may be off while none is parked.
    return query
    select
        coalesce(w.projection, ''),
        d.kind,
        evident._short(d.name),
        case
            when
                starts_with(d.name, 'event_store.')
                and (
                    (t.mode = 'enabled: ' and w.projection = any (v_running))
                    or (
                        t.mode = 'disabled: '
                        and (
                            w.projection <> all (v_running)
                            or (
                                starts_with(d.name, 'event_store.event_store_hold_')
                                and w.projection <> all (v_parked)
                            )
                        )
                    )
                )
                then 'as its projection is: '
            else t.mode
        end
        || evident._short(substr(d.state, length(t.mode) + 1)),
        d.is_free
    from (
        select c.* from evident._catalog_relations(v_relations) as c
        union all
        select c.* from evident._catalog_routines(v_routines) as c
        union all
        select c.*
        from evident._catalog_grants(
            v_relations, v_routines, v_schema || v_schemas
        ) as c
        union all
        select null, c.* from evident._catalog_others() as c
        union all
        select null, c.* from evident._catalog_roles() as c
        union all
        select
            'n' || n.oid,
            'schema',
            n.nspname::text,
            'owner ' || pg_get_userbyid(n.nspowner),
            false
        from unnest(v_schema || v_schemas) as u (oid)
        inner join pg_namespace as n on u.oid = n.oid
    ) as d
    left join unnest(v_projections, v_objects) as w (projection, object)
        on d.object = w.object
    cross join lateral (
        select case
            when d.kind = 'trigger'
                then coalesce(substring(d.state from '^[a-z ]+: '), '')
            else ''
        end as mode
    ) as t;
end;
$function$;

comment on function evident._catalog() is
'The present catalog as evident.baseline has it: projection (empty for the package),
kind, name, state, and is_free for what may come and go.';

revoke all on function evident._catalog() from public;
