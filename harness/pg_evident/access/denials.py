"""Say which role a login lacks, when the server denies it something of ours."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import psycopg
from psycopg import sql

from pg_evident.access.pinning import pinned

# Whoever may execute or read what a statement names, logins that may already aside.
_NEEDED = """
select
    o.name,
    array_agg(distinct r.rolname::text order by r.rolname::text) as roles
from (
    select p.proname::text as name, p.proacl as acl
    from pg_proc as p
    where p.pronamespace = to_regnamespace('evident')
    union all
    select c.relname::text, c.relacl
    from pg_class as c
    where c.relnamespace = to_regnamespace('evident')
) as o
cross join lateral aclexplode(o.acl) as a
inner join pg_roles as r on a.grantee = r.oid
where
    o.name = any (%s)
    and a.privilege_type in ('EXECUTE', 'SELECT')
    and r.rolname like 'evident\\_%%'
    and r.rolname not in ('evident_owner', 'evident_projector')
group by o.name
having not bool_or(pg_has_role(r.oid, 'usage'))
order by o.name
"""
_NAMED = re.compile(r"\bevident\.(\w+)")


def explain(
    connection: psycopg.Connection[Any], error: psycopg.Error, query: Any
) -> None:
    """Note on an error which roles may do what the statement wanted, if any may.

    Asks on a connection of its own: the failed one may be in a transaction.
    """
    names = _NAMED.findall(_text(connection, query))
    if not names or error.diag.message_hint:
        return
    with contextlib.suppress(psycopg.Error, OSError):
        needed, login = _ask(connection, names)
        if needed:
            error.add_note(_hint(needed, login))


def hint_of(error: psycopg.Error) -> str | None:
    """Give the server's hint, else what explain has noted."""
    noted = getattr(error, "__notes__", [])
    return error.diag.message_hint or (noted[0] if noted else None)


def _text(connection: psycopg.Connection[Any], query: Any) -> str:
    if isinstance(query, bytes):
        return query.decode(errors="replace")
    if isinstance(query, sql.Composable):
        return query.as_string(connection)
    return str(query)


def _ask(
    connection: psycopg.Connection[Any], names: list[str]
) -> tuple[dict[str, list[str]], str]:
    """Read which roles may use each of the names that this login may not."""
    info = connection.info
    with (
        psycopg.connect(info.dsn, password=info.password or None) as other,
        pinned(other),
    ):
        row = other.execute("select current_user::text").fetchone()
        rows = other.execute(_NEEDED, [names]).fetchall()
    return dict(rows), row[0] if row else info.user


def _hint(needed: dict[str, list[str]], login: str) -> str:
    """Name the roles that may do all of it, or those of each thing."""
    common = sorted(set.intersection(*map(set, needed.values())))
    if common:
        verb = "is" if len(needed) == 1 else "are"
        what = _listed([f"evident.{each}" for each in needed], "and")
        it = "it" if len(common) == 1 else "one of them"
        return f"{what} {verb} for {_listed(common, 'or')}: grant {it} to {login}"
    parts = [
        f"evident.{name} is for {_listed(roles, 'or')}"
        for name, roles in needed.items()
    ]
    return f"{'; '.join(parts)}: grant them to {login}"


def _listed(words: list[str], word: str) -> str:
    *others, last = words
    return f"{', '.join(others)} {word} {last}" if others else last
