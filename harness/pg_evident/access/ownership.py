"""Who owns what a command is about to read or call: a name proves nothing.

Anyone with CREATE on a database can make a schema of any name that is not taken, and
what stands in it runs as the one who calls it. Trusted are superusers, the connecting
role itself, and evident_owner while superusers chose its members; not a role that a
setting of the database gave the session. Everything is looked up under a search path
of pg_catalog alone, set for the one transaction, so that a pooler may stand between.
Statements outside of one name each function with its schema, and operators with the
exact types: a better match in a later schema of the path is taken before ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pg_evident.access import ownership_queries
from pg_evident.access.pinning import pinned
from pg_evident.access.sessions import connect_steadily
from pg_evident.failure import Failure

if TYPE_CHECKING:
    import psycopg


def connect(
    dsn: str, *, installed: bool = True, **kwargs: Any
) -> psycopg.Connection[Any]:
    """Open a connection on which schema evident has been found to be ours.

    Keyword arguments go to psycopg.connect. Raises Failure where schema evident, or
    something in it, belongs to somebody else; where it is missing, unless `installed`
    is false; and for a search path that puts another's schema before pg_catalog.
    """
    connection = connect_steadily(dsn, **kwargs)
    try:
        check(connection, installed=installed)
    except BaseException:
        connection.close()
        raise
    return connection


def check(connection: psycopg.Connection[Any], *, installed: bool = True) -> None:
    """Raise Failure unless schema evident and the session's path can be trusted."""
    with _own_transaction(connection) as before:
        _refuse(
            connection,
            ownership_queries.ROLE,
            [],
            "see pg_db_role_setting, and give the role yourself: log in as it; or"
            " alter database ... reset role (or reset session_authorization)",
        )
        _refuse(connection, ownership_queries.SCHEMAS, before)
        _refuse(connection, ownership_queries.OBJECTS, ["evident"])
        found = connection.execute("select to_regnamespace('evident')").fetchone()
    if installed and not (found and found[0]):
        raise Failure("evident is not installed in this database", "evident migrate")


def check_marks(
    connection: psycopg.Connection[Any], schema: str, hint: str | None = None
) -> None:
    """Raise Failure unless yoyo's tables in `schema` are plain, and ours."""
    with pinned(connection):
        _refuse(connection, ownership_queries.MARKS, [schema], hint)


@contextmanager
def _own_transaction(connection: psycopg.Connection[Any]) -> Iterator[list[str]]:
    """Give the schemas before pg_catalog in the path; leave no transaction open."""
    had = connection.autocommit
    if not had:
        connection.autocommit = True
    # Nothing but a qualified function: any operator might be another's.
    row = connection.execute("select pg_catalog.current_schemas(true)").fetchone()
    path = [str(each) for each in row[0]] if row else []
    before = path[: path.index("pg_catalog")] if "pg_catalog" in path else path
    with pinned(connection):
        yield [each for each in before if not each.startswith("pg_temp_")]
    if not had:
        connection.autocommit = had


def _refuse(
    connection: psycopg.Connection[Any],
    statement: str,
    schemas: list[str],
    hint: str | None = None,
) -> None:
    row = connection.execute(
        statement.encode(),
        {"schemas": schemas, "tables": list(ownership_queries.MARK_TABLES)},
    ).fetchone()
    if row is not None:
        raise Failure(
            f"not trusted: {row[0]}",
            hint
            or "only superusers, the role that connects and evident_owner, whose"
            " members superusers granted, are; see who made that, then change its"
            " owner, revoke the right or drop it; a member that is meant: as a"
            " superuser, revoke evident_owner from him and grant it anew",
        )
