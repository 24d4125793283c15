-- evident._projection_intruder: what of some objects is not evident_projector's alone.
--
-- Whoever owns a fold, or may make another in its place, has code of his own run with
-- the rights of all folds; and he does who owns the schema, or may create in it.
-- Superusers may anyway. Empty when all is well; the names are quoted.
--
-- A foreign key makes rows of a read model somebody else's, or theirs of it: a rebuild,
-- which removes rows and writes them again, would be refused, or remove theirs as well,
-- and a fold would wait for whoever locks them.

create or replace function evident._projection_intruder(
    p_relations oid[],
    p_routines oid[]
)
returns table (rank integer, reason text, hint text)
language sql
stable
parallel safe
begin atomic
    -- In schema evident nobody makes anything but evident_owner, or in its hands.
    with held as (
        select u.oid
        from unnest(p_relations) as u (oid)
        union
        select t.relid
        from unnest(p_relations) as u (oid)
        cross join lateral pg_partition_tree(u.oid) as t
    ),

    place as (
        select c.relnamespace as oid
        from pg_class as c
        where c.oid = any(p_relations)
        union all
        select p.pronamespace
        from pg_proc as p
        where p.oid = any(p_routines)
    ),

    used as (
        select
            n.oid,
            n.nspname,
            n.nspowner,
            n.nspacl
        from pg_namespace as n
        where
            n.nspname <> 'evident'
            and n.oid in (
                select l.oid
                from place as l
            )
    )

    select
        1,
        format(
            '%s belongs to %s', c.oid::regclass, pg_get_userbyid(c.relowner)
        ),
        format(
            'alter %s %s owner to evident_projector',
            case c.relkind when 'v' then 'view' else 'table' end, c.oid::regclass
        )
    from pg_class as c
    where
        c.oid = any(p_relations)
        and c.relowner <> to_regrole('evident_projector')
    union all
    select
        2,
        format(
            '%s belongs to %s', p.oid::regprocedure, pg_get_userbyid(p.proowner)
        ),
        format('alter routine %s owner to evident_projector', p.oid::regprocedure)
    from pg_proc as p
    where
        p.oid = any(p_routines)
        and p.proowner <> to_regrole('evident_projector')
    union all
    select
        3,
        format('%s is security definer', p.oid::regprocedure),
        format('alter routine %s security invoker', p.oid::regprocedure)
    from pg_proc as p
    where p.oid = any(p_routines) and p.prosecdef
    union all
    select
        4,
        format('schema %I belongs to %s', n.nspname, pg_get_userbyid(n.nspowner)),
        format(
            'create schema ... authorization evident_projector,'
            ' or alter schema %I owner to evident_projector',
            n.nspname
        )
    from used as n
    where n.nspowner <> to_regrole('evident_projector')
    union all
    select
        5,
        format(
            '%s may create in schema %I',
            coalesce(r.rolname::text, 'public'), n.nspname
        ),
        format(
            'revoke create on schema %I from %s',
            n.nspname, coalesce(quote_ident(r.rolname), 'public')
        )
    from used as n
    cross join lateral aclexplode(n.nspacl) as a
    left join pg_roles as r on a.grantee = r.oid
    where
        a.privilege_type = 'CREATE'
        and a.grantee <> n.nspowner
        and a.grantee <> to_regrole('evident_projector')
        and not coalesce(r.rolsuper, false)
    union all
    select
        6,
        format(
            'foreign key %I of %s references %s',
            c.conname, c.conrelid::regclass, c.confrelid::regclass
        ),
        format(
            'alter table %s drop constraint %I: rows of a read model come and go with'
            ' its events alone, also in a rebuild',
            c.conrelid::regclass, c.conname
        )
    from pg_constraint as c
    where
        c.contype = 'f'
        and c.conparentid = 0
        and (
            c.conrelid in (
                select h.oid
                from held as h
            )
            or c.confrelid in (
                select h.oid
                from held as h
            )
        );
end;

comment on function evident._projection_intruder(oid[], oid[]) is
'Why relations and routines, and their schemas, are not evident_projector''s alone:
rank, reason, hint.';

revoke all on function evident._projection_intruder(oid[], oid[]) from public;
