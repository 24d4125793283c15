"""What is applied: yoyo's marks, and what the database itself says.

Where yoyo keeps its own tables: in the schema `evident_yoyo`, made here, since a
plain user may not create in `public` from PostgreSQL 15 on, and since an
application with yoyo migrations of its own must not share their table. Only
where someone ran yoyo by hand, and our ids are marked in the current schema, that
place is kept. The same place by hand: the URL of `yoyo_url(dsn, "evident_yoyo")`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from pg_evident.access import ownership
from pg_evident.access.ownership_queries import MARK_TABLES
from pg_evident.access.pinning import pinned
from pg_evident.failure import Failure
from pg_evident.installed import installed_version
from pg_evident.places import ENGINE, migration_files

SCHEMA = "evident_yoyo"

_ELSEWHERE = (
    "if these marks are another application's, `create schema evident_yoyo` as the role"
    " that migrates: evident then looks there alone"
)


def has_table(connection: psycopg.Connection[Any], schema: str, name: str) -> bool:
    """Say whether the schema has a relation of that name, of whatever kind."""
    row = connection.execute(
        "select from pg_catalog.pg_class as c"
        " join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relname = %s",
        [schema, name],
    ).fetchone()
    return row is not None


def marks_schema(connection: psycopg.Connection[Any]) -> str | None:
    """Find the schema that has our marks; what is read there is ours."""
    with connection.transaction():
        # Where yoyo by hand would have put them.
        connection.execute("set local search_path to default")
        row = connection.execute("select pg_catalog.current_schema()").fetchone()
    current = row[0] if row else None
    with pinned(connection):
        row = connection.execute(
            "select from pg_namespace as n where n.nspname = %s", [SCHEMA]
        ).fetchone()
        if row is not None:
            ownership.check_marks(connection, SCHEMA)
            return SCHEMA
        if current is None or not has_table(connection, current, "_yoyo_migration"):
            return None
        ours = {path.stem for path in migration_files(ENGINE)}
        marked = _read_marks(connection, current, _ELSEWHERE).keys()
        if not ours & marked:
            return None
        for name in MARK_TABLES:
            if not has_table(connection, current, name):
                raise Failure(f"{current}._yoyo_migration is there without {name}")
    return str(current)


def marks(connection: psycopg.Connection[Any]) -> dict[str, datetime]:
    """Read when each marked migration was applied (UTC), in that order."""
    place = marks_schema(connection)
    if place is None or not has_table(connection, place, "_yoyo_migration"):
        return {}
    return _read_marks(connection, place)


def _read_marks(
    connection: psycopg.Connection[Any], schema: str, hint: str | None = None
) -> dict[str, datetime]:
    """Read the marks of a table that is checked, locked and checked once more."""
    table = sql.Identifier(schema, "_yoyo_migration")
    with pinned(connection):
        ownership.check_marks(connection, schema, hint)
        connection.execute(sql.SQL("lock table {} in access share mode").format(table))
        ownership.check_marks(connection, schema, hint)
        rows = connection.execute(
            sql.SQL(
                "select m.migration_id, m.applied_at_utc from {} as m"
                " order by m.applied_at_utc, m.migration_id"
            ).format(table)
        ).fetchall()
    return {each: when.replace(tzinfo=UTC) for each, when in rows}


def disagreement(backend: Any, migrations: Any) -> tuple[list[Any], list[Any]]:
    """Return the engine's (applied but unmarked, marked but not applied)."""
    from yoyo.migrations import topological_sort

    engine = list(
        topological_sort(m for m in migrations if m.source_dir == str(ENGINE))
    )
    version = installed_version(backend.connection)
    here = backend.execute(
        "select pg_catalog.to_regnamespace('evident') is not null"
    ).fetchone()
    if here[0] and version is None:
        # Nothing to compare with: the marks are all there is.
        return [], []
    ids = [migration.id for migration in engine]
    if version is not None and version not in ids:
        raise Failure(
            f"the database is at {version}, which this package does not have",
            "pip install --upgrade pg-evident",
        )
    count = 0 if version is None else ids.index(version) + 1
    marked = set(backend.get_applied_migration_hashes())
    missing = [m for m in engine[:count] if m.hash not in marked]
    # One outside a transaction cannot move evident.version() along.
    extra = [m for m in engine[count:] if m.hash in marked and m.use_transactions]
    return missing, extra[::-1]
