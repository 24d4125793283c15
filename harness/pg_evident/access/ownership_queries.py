"""The queries that look for what is not ours; each gives its first finding.

Parameters: schemas, and tables, those of yoyo. They run under a search path of
pg_catalog alone.
"""

# The tables that yoyo keeps, all of them plain.
MARK_TABLES = ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock")

# A role that the database, and so its owner, chose for the session.
ROLE = """
    select
        format(
            'role %%I, under a setting of the database or of %%I, %%s',
            current_user, session_user, c.entry
        )
    from pg_db_role_setting as s
    cross join unnest(s.setconfig) as c (entry)
    where
        s.setdatabase in (
            0, (select d.oid from pg_database as d where d.datname = current_database())
        )
        and s.setrole in (
            0, (select r.oid from pg_roles as r where r.rolname = session_user)
        )
        and (
            c.entry ilike 'session\\_authorization=%%'
            or c.entry ilike 'role=%%' and current_user <> session_user
        )
    limit 1
"""

# Schema public belongs to pg_database_owner, which is whoever owns the database.
# A stranger is a member of evident_owner whom no superuser made one, and who does not
# own the database: its owner may have installed. From 16 on the creator of a role gets
# ADMIN alone in the name of the bootstrap superuser: that is no superuser's word.
# Members make yoyo's tables, and nothing in schema evident.
_TRUSTED = """
    with owner_of_all as (
        select d.datdba as oid
        from pg_database as d
        where d.datname = current_database()
    ),
    stranger as (
        select m.member
        from pg_auth_members as m
        join pg_roles as r on r.oid = m.member
        where m.roleid = to_regrole('evident_owner')
        group by m.member, r.rolname, r.rolsuper
        having
            not r.rolsuper
            and r.rolname <> session_user
            and m.member not in (select o.oid from owner_of_all as o)
            and not bool_or(
                exists (
                    select from pg_roles as g where g.oid = m.grantor and g.rolsuper
                )
                and (
                    coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
                    or coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
                )
            )
    ),
    plain as (
        select r.oid
        from pg_roles as r
        where
            r.rolsuper
            or r.rolname in (session_user, current_user)
            or not exists (select from stranger)
            and (
                r.rolname = 'evident_owner' and not r.rolcanlogin
                or 'evident' <> all (%(schemas)s)
                and pg_has_role(r.oid, to_regrole('evident_owner'), 'MEMBER')
            )
    ),
    trusted as (
        select p.oid
        from plain as p
        union all
        select 'pg_database_owner'::regrole::oid
        from owner_of_all as o
        where o.oid in (select p.oid from plain as p)
    ),
"""

# Rows (what, who) of schemas: whose they are, and who else may create there. What
# folds need in schema evident is made by evident_projector.
_SCHEMAS = """
    schema as (
        select n.oid, n.nspname, n.nspowner, n.nspacl
        from pg_namespace as n
        where n.nspname = any (%(schemas)s)
    ),
    problem as (
        select
            format(
                'schema %%I belongs to %%s',
                s.nspname,
                case
                    when s.nspowner = 'pg_database_owner'::regrole
                        then (select o.oid::regrole::text from owner_of_all as o)
                    when s.nspowner = to_regrole('evident_owner')
                        then 'evident_owner, ' || coalesce(
                            (
                                select
                                    'of which '
                                    || string_agg(m.member::regrole::text, ', ')
                                from stranger as m
                            ) || ' is a member by no superuser''s grant',
                            'which may log in'
                        )
                    else s.nspowner::regrole::text
                end
            ) as what,
            1 as place
        from schema as s
        where s.nspowner not in (select t.oid from trusted as t)
        union all
        select
            format(
                '%%s may create in schema %%I',
                case
                    when a.grantee = 0 then 'everybody'
                    else a.grantee::regrole::text
                end,
                s.nspname
            ),
            2
        from schema as s
        cross join aclexplode(s.nspacl) as a
        where
            a.privilege_type = 'CREATE'
            and a.grantee not in (select t.oid from trusted as t)
            and not (
                s.nspname = 'evident'
                and a.grantee = to_regrole('evident_projector')
            )
"""

# Functions, relations, types and operators; in a schema that is not ours alone, those
# that yoyo's statements could mean. What belongs to evident_projector is internal, or
# made for a projection and named with its dot: no command calls it.
_OBJECTS = """
        union all
        select
            format(
                '%%s belongs to %%s',
                pg_describe_object(o.classid, o.oid, 0),
                o.owner::regrole
            ),
            3
        from (
            select
                'pg_proc'::regclass as classid, p.oid, p.pronamespace, p.proowner,
                p.proname like '\\_%%' or p.proname like '%%.%%',
                p.proname in ('max', 'current_schema')
            from pg_proc as p
            union all
            select 'pg_class'::regclass, c.oid, c.relnamespace, c.relowner,
                c.relname like '%%.%%',
                c.relname = any (%(tables)s)
            from pg_class as c
            union all
            select 'pg_type'::regclass, y.oid, y.typnamespace, y.typowner,
                y.typname like '%%.%%', false
            from pg_type as y
            union all
            select 'pg_operator'::regclass, p.oid, p.oprnamespace, p.oprowner, false,
                true
            from pg_operator as p
        ) as o (classid, oid, namespace, owner, is_internal, is_yoyos)
        join schema as s on s.oid = o.namespace
        where
            (o.is_yoyos or s.nspname in ('evident', 'evident_yoyo'))
            and o.owner not in (select t.oid from trusted as t)
            and not (
                o.is_internal
                and o.namespace = to_regnamespace('evident')
                and o.owner = to_regrole('evident_projector')
            )
"""

# What makes a table more than its rows, and rights with which others could add that.
_TABLES = """
    , mark as (
        select c.*
        from pg_class as c
        join schema as s on s.oid = c.relnamespace
        where c.relname = any (%(tables)s)
    )
    select p.what
    from (
        select p.what, p.place from problem as p
        union all
        select format('%%s is not a plain table', m.oid::regclass), 4
        from mark as m
        where
            m.relkind <> 'r' or m.relpersistence <> 'p' or m.relispartition
            or m.relam <> (select a.oid from pg_am as a where a.amname = 'heap')
            or m.relhasrules or m.relrowsecurity
            or exists (select from pg_policy as q where q.polrelid = m.oid)
            or exists (
                select from pg_inherits as i where m.oid in (i.inhrelid, i.inhparent)
            )
        union all
        select format('%%s has the trigger %%I', m.oid::regclass, t.tgname), 5
        from mark as m
        join pg_trigger as t on t.tgrelid = m.oid
        union all
        select format('%%s has the constraint %%I', m.oid::regclass, k.conname), 5
        from mark as m
        join pg_constraint as k on k.conrelid = m.oid
        where k.contype not in ('p', 'n')
        union all
        select
            format(
                'column %%I of %%s is not as yoyo makes it', a.attname, m.oid::regclass
            ),
            5
        from mark as m
        join pg_attribute as a on a.attrelid = m.oid
        left join pg_attrdef as d on d.adrelid = m.oid and d.adnum = a.attnum
        where
            a.attnum > 0
            and not a.attisdropped
            and (
                a.atttypid not in (
                    'integer'::regtype, 'varchar'::regtype, 'timestamp'::regtype
                )
                or a.attgenerated <> '' or a.attidentity <> ''
                or coalesce(pg_get_expr(d.adbin, d.adrelid), '1') <> '1'
                or a.attacl is not null
            )
        union all
        select
            format('%%s has the index %%s', m.oid::regclass, i.indexrelid::regclass),
            5
        from mark as m
        join pg_index as i on i.indrelid = m.oid
        where not i.indisprimary or i.indexprs is not null or i.indpred is not null
        union all
        select
            format(
                '%%s may %%s %%s',
                case
                    when a.grantee = 0 then 'everybody'
                    else a.grantee::regrole::text
                end,
                a.privilege_type,
                m.oid::regclass
            ),
            6
        from mark as m
        cross join aclexplode(m.relacl) as a
        where
            a.privilege_type <> 'SELECT'
            and a.grantee not in (select t.oid from trusted as t)
    ) as p
    order by p.place, p.what
    limit 1
"""

_STATEMENT = _TRUSTED + _SCHEMAS + _OBJECTS + ")"
_FIRST = " select p.what from problem as p order by p.place, p.what limit 1"
SCHEMAS = _TRUSTED + _SCHEMAS + ")" + _FIRST
OBJECTS = _STATEMENT + _FIRST
MARKS = _STATEMENT + _TABLES
