"""Describe everything that a schema holds, so that two databases can be compared."""

from __future__ import annotations

from typing import Any

import psycopg

# Each query gives (what, name, definition) for the schemas in $1.
_QUERIES = {
    "schema": """
        select n.nspname, pg_get_userbyid(n.nspowner), n.nspacl::text[],
            obj_description(n.oid, 'pg_namespace')
        from pg_namespace as n
        where n.nspname = any(%(schemas)s)
    """,
    "routine": """
        select p.oid::regprocedure::text, p.prokind, pg_get_userbyid(p.proowner),
            p.proacl::text[], obj_description(p.oid, 'pg_proc'),
            case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end,
            p.proconfig, p.provolatile, p.proparallel, p.prosecdef
        from pg_proc as p
        where p.pronamespace::regnamespace::text = any(%(schemas)s)
    """,
    "aggregate": """
        select a.aggfnoid::text, a.aggtransfn::text, a.aggtranstype::regtype::text,
            a.agginitval
        from pg_aggregate as a
        join pg_proc as p on p.oid = a.aggfnoid
        where p.pronamespace::regnamespace::text = any(%(schemas)s)
    """,
    "relation": """
        select c.oid::regclass::text, c.relkind, pg_get_userbyid(c.relowner),
            c.relacl::text[], obj_description(c.oid, 'pg_class'), c.reloptions,
            case when c.relkind = 'v' then pg_get_viewdef(c.oid) end,
            case when c.relkind = 'i' then pg_get_indexdef(c.oid) end
        from pg_class as c
        where c.relnamespace::regnamespace::text = any(%(schemas)s)
    """,
    "column": """
        select a.attrelid::regclass::text, a.attname, a.attnum,
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            pg_get_expr(d.adbin, d.adrelid), a.attacl::text[],
            col_description(a.attrelid, a.attnum)
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where c.relnamespace::regnamespace::text = any(%(schemas)s)
            and a.attnum > 0 and not a.attisdropped
    """,
    "constraint": """
        select k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid)
        from pg_constraint as k
        where k.connamespace::regnamespace::text = any(%(schemas)s)
    """,
    "trigger": """
        select t.tgrelid::regclass::text, t.tgname, t.tgenabled,
            pg_get_triggerdef(t.oid)
        from pg_trigger as t
        join pg_class as c on c.oid = t.tgrelid
        where c.relnamespace::regnamespace::text = any(%(schemas)s)
            and not t.tgisinternal
    """,
    # A dump leaves out who may use the row type of a table.
    "type": """
        select t.oid::regtype::text, t.typtype, pg_get_userbyid(t.typowner),
            case when t.typtype <> 'c' then t.typacl::text[] end
        from pg_type as t
        where t.typnamespace::regnamespace::text = any(%(schemas)s)
    """,
    "default privilege": """
        select pg_get_userbyid(a.defaclrole), a.defaclobjtype, a.defaclacl::text[]
        from pg_default_acl as a
    """,
    "role": """
        select r.rolname, r.rolcanlogin, r.rolsuper, r.rolinherit,
            shobj_description(r.oid, 'pg_authid'),
            array(
                select m.member::regrole::text
                from pg_auth_members as m
                join pg_roles as g on g.oid = m.member
                where m.roleid = r.oid and g.rolname like 'evident%%'
                order by 1
            )
        from pg_roles as r
        where r.rolname like 'evident%%'
    """,
}


def fingerprint(
    connection: psycopg.Connection[Any],
    schemas: tuple[str, ...] = ("evident", "shop"),
) -> set[tuple[str, str]]:
    """Collect every definition, owner, privilege and comment of the schemas.

    A set of (kind, repr of the row); the difference of two sets names what differs.
    """
    found: set[tuple[str, str]] = set()
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog")
        for kind, query in _QUERIES.items():
            rows = connection.execute(query, {"schemas": list(schemas)}).fetchall()
            found |= {(kind, repr([_sorted(value) for value in row])) for row in rows}
    return found


def _sorted(value: Any) -> Any:
    # The order of privileges in an access control list tells only who came first.
    return sorted(value) if isinstance(value, list) else value
