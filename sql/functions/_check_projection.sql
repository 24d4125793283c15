-- evident._check_projection: refuse a projection that cannot work, or is not safe.
--
-- A fold runs with the store's rights, inside append functions and background runs.
-- So it, and the read model, must belong to evident_owner: who may register
-- projections could otherwise run code of his own as the owner. And nobody else
-- may write the read model, or it would not be what the events say.
--
-- Errors: PT400

create or replace function evident._check_projection(p_projection evident.projection)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_model constant regclass := to_regclass(p_projection.name);
    v_apply constant regprocedure := to_regprocedure(p_projection.apply);
    v_keys constant regprocedure := to_regprocedure(p_projection.keys);
    v_problem record;
begin
    select r.argument, r.reason, r.hint
    into v_problem
    from (
        select
            1 as rank,
            'p_read_model' as argument,
            'not a table that lasts' as reason,
            'make the read model a table, neither temporary nor unlogged' as hint
        from pg_class as c
        where
            c.oid = v_model
            and (c.relkind not in ('r', 'p') or c.relpersistence <> 'p')
        union all
        select
            2, 'p_read_model', 'in schema evident',
            'give read models a schema of their own'
        from pg_class as c
        where c.oid = v_model and c.relnamespace = 'evident'::regnamespace
        union all
        select
            3, 'p_read_model', 'the name is longer than 40 bytes',
            'what is made for it is named after it; choose a shorter name'
        where octet_length(p_projection.name) > 40
        union all
        select
            4, 'p_read_model', 'no primary key of one column',
            'the primary key of a read model is the key of its projection'
        where p_projection.key_column is null
        union all
        select
            5, 'p_read_model', 'the key is not a uuid, as aggregates are',
            'name a function that tells the keys: p_keys'
        where p_projection.keys is null and p_projection.key_type <> 'uuid'
        union all
        select
            6, 'p_read_model', format('column %s fills itself', a.attname),
            'a fold sets every column: no identity, no generated column'
        from pg_attribute as a
        where
            a.attrelid = v_model
            and a.attnum > 0
            and (a.attidentity <> '' or a.attgenerated <> '')
        union all
        select
            7, o.argument,
            format('owned by %s', pg_get_userbyid(o.owner)),
            'it runs with the store''s rights: alter ... owner to evident_owner'
        from (
            select 'p_read_model' as argument, c.relowner as owner
            from pg_class as c
            where c.oid = v_model
            union all
            select
                case when p.oid = v_apply then 'p_apply' else 'p_keys' end,
                p.proowner
            from pg_proc as p
            where p.oid in (v_apply, v_keys)
        ) as o
        where o.owner <> 'evident_owner'::regrole
        union all
        select
            8, 'p_read_model',
            format(
                '%s may %s',
                coalesce(nullif(a.grantee, 0)::regrole::text, 'public'),
                a.privilege_type
            ),
            'only the store writes a read model: revoke that'
        from pg_class as c
        cross join lateral (
            select g.grantee, g.privilege_type
            from aclexplode(c.relacl) as g
            union all
            select g.grantee, g.privilege_type
            from pg_attribute as t
            cross join lateral aclexplode(t.attacl) as g
            where t.attrelid = c.oid
        ) as a
        where
            c.oid = v_model
            and a.grantee <> c.relowner
            and a.privilege_type in (
                'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER'
            )
        union all
        select
            9, 'p_read_model', 'evident_owner may not create in its schema',
            format(
                'grant create on schema %I to evident_owner', n.nspname
            )
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where
            c.oid = v_model
            and not has_schema_privilege('evident_owner', n.oid, 'create')
        union all
        select
            10, 'p_apply',
            format(
                'not a function (%s, evident.event_store) returns %1$s',
                p_projection.name
            ),
            'the fold step takes the row so far and an event, and gives the next row'
        where not exists (
            select
            from pg_proc as p
            inner join pg_type as t on p.prorettype = t.oid
            where
                p.oid = v_apply
                and p.prokind = 'f'
                and not p.proretset
                and t.typrelid = v_model
                and p.pronargs = 2
                and p.proargtypes[0] = t.oid
                and p.proargtypes[1] = 'evident.event_store'::regtype
        )
        union all
        select
            11, 'p_read_model', format('%s is in the way', o.name),
            'rename it: what is made for the read model has that name'
        from pg_class as c
        cross join lateral (
            select
                p.oid::regprocedure::text as name,
                obj_description(p.oid, 'pg_proc') as description
            from pg_proc as p
            where
                p.pronamespace = c.relnamespace
                and p.proname in (
                    'fold_' || c.relname,
                    'fold_' || c.relname || '_step',
                    'next_' || c.relname,
                    'pinned_' || c.relname,
                    'keep_event_' || c.relname,
                    'keep_batch_' || c.relname
                )
            union all
            select
                v.oid::regclass::text,
                obj_description(v.oid, 'pg_class')
            from pg_class as v
            where
                v.relnamespace = c.relnamespace
                and v.relname = 'events_of_' || c.relname
        ) as o
        where
            c.oid = v_model
            and coalesce(o.description, '') not like 'Made by create_projection:%'
        union all
        select
            12,
            case when p.oid = v_apply then 'p_apply' else 'p_keys' end,
            'volatile',
            'a fold is pure, the same whenever it runs: declare it immutable or stable'
        from pg_proc as p
        where p.oid in (v_apply, v_keys) and p.provolatile = 'v'
        union all
        select
            13, 'p_keys',
            'not a function (evident.event_store) that returns text or uuid',
            'it gives the keys that an event touches, none, one or several'
        where
            p_projection.keys is not null
            and not exists (
                select
                from pg_proc as p
                where
                    p.oid = v_keys
                    and p.prokind = 'f'
                    and p.prorettype in ('text'::regtype, 'uuid'::regtype)
                    and p.pronargs = 1
                    and p.proargtypes[0] = 'evident.event_store'::regtype
            )
        union all
        select
            14, 'p_event_types', 'empty, or with an element that is null or no type',
            'list types of 1 to 100 characters; null means all'
        where
            cardinality(p_projection.event_types) = 0
            or exists (
                select
                from unnest(p_projection.event_types) as t (event_type)
                where coalesce(char_length(t.event_type), 0) not between 1 and 100
            )
        union all
        select
            15, 'p_mode', coalesce(quote_literal(p_projection.mode), 'null'),
            'choose ''sync'' (in the append''s transaction) or ''async'''
        where p_projection.mode is null or p_projection.mode not in ('sync', 'async')
    ) as r
    order by r.rank, r.argument, r.reason
    limit 1;

    if found then
        perform evident._refuse_argument(
            v_problem.argument, v_problem.reason, v_problem.hint
        );
    end if;
end;
$function$;

comment on function evident._check_projection(evident.projection) is
'Raises PT400 for the first thing that is wrong with a registration.';

revoke all on function evident._check_projection(evident.projection) from public;
