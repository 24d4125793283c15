-- evident._check_projection: refuse a projection that cannot work, or is not safe.
--
-- A fold runs as evident_projector, inside append functions and background runs. So it,
-- the read model and their schemas must belong to that role, and nobody else may create
-- in these: whoever may register projections, or own a schema, could otherwise run code
-- of his own with the rights of all folds. And nobody else may write the read model, or
-- it would not be what the events say.
--
-- A trigger of the read model that waits for the commit would run with the rights of
-- whoever commits.
--
-- Errors: PT400

create or replace function evident._check_projection(
    p_projection evident.projection,
    p_model regclass,
    p_apply regprocedure,
    p_keys regprocedure
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
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
            c.oid = p_model
            and (c.relkind not in ('r', 'p') or c.relpersistence <> 'p')
        union all
        select
            2, 'p_read_model', 'in schema evident',
            'give read models a schema of their own'
        from pg_class as c
        where c.oid = p_model and c.relnamespace = 'evident'::regnamespace
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
            4, 'p_read_model', 'the primary key is deferrable',
            'make it not deferrable: the next write of a key meets its row'
        from pg_index as i
        where i.indrelid = p_model and i.indisprimary and not i.indimmediate
        union all
        select
            5, 'p_read_model', 'the key is not a uuid, as aggregates are',
            'name a function that tells the keys: p_keys'
        where p_projection.keys is null and p_projection.key_type <> 'uuid'
        union all
        select 5, 'p_read_model', k.reason, k.hint
        from evident._key_problem(p_model, p_projection.key_column) as k
        where p_projection.keys is not null
        union all
        select
            6, 'p_read_model', format('column %s fills itself', a.attname),
            'a fold sets every column: no identity, no generated column'
        from pg_attribute as a
        where
            a.attrelid = p_model
            and a.attnum > 0
            and (a.attidentity <> '' or a.attgenerated <> '')
        union all
        select
            7,
            case when p.oid = p_apply then 'p_apply' else 'p_keys' end,
            'in schema evident',
            'name the function that was written for the read model'
        from pg_proc as p
        where
            p.oid in (p_apply, p_keys)
            and p.pronamespace = 'evident'::regnamespace
        union all
        select 7 + o.rank, 'p_read_model', o.reason, o.hint
        from evident._projection_intruder(array[p_model::oid], '{}') as o
        union all
        select 7 + o.rank, 'p_apply', o.reason, o.hint
        from evident._projection_intruder('{}', array[p_apply::oid]) as o
        union all
        select 7 + o.rank, 'p_keys', o.reason, o.hint
        from evident._projection_intruder('{}', array[p_keys::oid]) as o
        union all
        select
            13, 'p_read_model',
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
            c.oid = p_model
            and a.grantee <> c.relowner
            and a.privilege_type in (
                'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES'
            )
        union all
        select
            14, 'p_read_model', format('trigger %I waits for the commit', g.tgname),
            'make it not deferrable, or drop it'
        from pg_trigger as g
        where g.tgrelid = p_model and g.tgdeferrable and not g.tgisinternal
        union all
        select
            15, 'p_apply',
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
                p.oid = p_apply
                and p.prokind = 'f'
                and not p.proretset
                and t.typrelid = p_model
                and p.pronargs = 2
                and p.proargtypes[0] = t.oid
                and p.proargtypes[1] = 'evident.event_store'::regtype
        )
        union all
        select
            17,
            case when p.oid = p_apply then 'p_apply' else 'p_keys' end,
            'volatile',
            'a fold is pure, the same whenever it runs: declare it immutable or stable'
        from pg_proc as p
        where p.oid in (p_apply, p_keys) and p.provolatile = 'v'
        union all
        select
            18, 'p_keys',
            'not a function (evident.event_store) that returns text or uuid',
            'it gives the keys that an event touches, none, one or several'
        where
            p_projection.keys is not null
            and not exists (
                select
                from pg_proc as p
                where
                    p.oid = p_keys
                    and p.prokind = 'f'
                    and p.prorettype in ('text'::regtype, 'uuid'::regtype)
                    and p.pronargs = 1
                    and p.proargtypes[0] = 'evident.event_store'::regtype
            )
        union all
        select
            19, 'p_event_types', 'empty, or with an element that is null or no type',
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
            20, 'p_mode',
            coalesce(quote_literal(evident._short(p_projection.mode)), 'null'),
            'choose ''sync'' (in the append''s transaction) or ''async'''
        where p_projection.mode is null or p_projection.mode not in ('sync', 'async')
        union all
        select
            21, 'p_is_invariant', 'async: no append waits for its answer',
            'an invariant is synchronous: p_mode => ''sync'''
        where p_projection.mode = 'async' and p_projection.is_invariant
    ) as r
    order by r.rank, r.argument collate "C", r.reason collate "C"
    limit 1;

    if found then
        perform evident._refuse_argument(
            v_problem.argument, v_problem.reason, v_problem.hint
        );
    end if;
end;
$function$;

comment on function
evident._check_projection(evident.projection, regclass, regprocedure, regprocedure)
is
'Raises PT400 for the first thing that is wrong with a registration.';

revoke all on function
evident._check_projection(evident.projection, regclass, regprocedure, regprocedure)
from public;
