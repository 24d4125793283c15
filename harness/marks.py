"""What is applied: yoyo's marks, and what the database itself says.

Where yoyo keeps its own tables: in the schema `evident_yoyo`, made here, since a
plain user may not create in `public` from PostgreSQL 15 on, and since an
application with yoyo migrations of its own must not share their table. Only
where someone ran yoyo by hand, and our ids are marked in the current schema, that
place is kept. The same place by hand: the URL of `yoyo_url(dsn, "evident_yoyo")`.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from harness.database import Failure, connect

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "migrations"
EXAMPLES = ENGINE / "examples"
SCHEMA = "evident_yoyo"


def require_installed(dsn: str) -> None:
    """Raise Failure when the database has no schema evident."""
    with connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "select pg_catalog.to_regnamespace('evident') is not null"
        ).fetchone()
    if not (row and row[0]):
        raise Failure("evident is not installed in this database", "evident migrate")


def installed_version(connection: psycopg.Connection[Any]) -> str | None:
    """Return evident.version(), the newest applied engine migration's id.

    None when the engine is not installed; raises psycopg.Error when the caller
    may not execute it even as evident_owner.
    """
    try:
        return _version(connection)
    except psycopg.errors.InsufficientPrivilege:
        # From 16 on a member of the owner need not inherit its rights.
        with connection.transaction():
            connection.execute("set local role evident_owner")
            return _version(connection)


def _version(connection: psycopg.Connection[Any]) -> str | None:
    with connection.transaction():
        found = connection.execute(
            "select pg_catalog.to_regprocedure('evident.version()') is not null"
        ).fetchone()
        if found is None or not found[0]:
            return None
        row = connection.execute("select evident.version()").fetchone()
    return str(row[0]) if row else None


def migration_files(source: Path) -> list[Path]:
    """List the migrations of one folder in order, without the rollbacks."""
    return sorted(
        path for path in source.glob("*.sql") if not path.stem.endswith(".rollback")
    )


def prepare_schema(dsn: str) -> str | None:
    """Return the schema for yoyo's tables, made when missing; None = the current."""
    with connect(dsn, autocommit=True) as connection:
        place = _marks_schema(connection)
        if place == SCHEMA:
            return SCHEMA
        if place is not None:
            return None
        # Two that look at once both find none, and `if not exists` is not for that.
        with contextlib.suppress(psycopg.errors.UniqueViolation):
            connection.execute(
                sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA))
            )
    return SCHEMA


def _marks_schema(connection: psycopg.Connection[Any]) -> str | None:
    """Find the schema that has our marks."""
    row = connection.execute(
        "select pg_catalog.current_schema(),"
        " pg_catalog.to_regclass(%s) is not null,"
        " pg_catalog.to_regclass("
        "     pg_catalog.quote_ident(pg_catalog.current_schema())"
        "     || '._yoyo_migration') is not null",
        [f"{SCHEMA}._yoyo_migration"],
    ).fetchone()
    assert row is not None
    current, has_own, has_current = row
    if has_own:
        return SCHEMA
    ours = {path.stem for path in migration_files(ENGINE)}
    if has_current and ours & _read_marks(connection, current).keys():
        return str(current)
    return None


def marks(connection: psycopg.Connection[Any]) -> dict[str, datetime]:
    """Read when each marked migration was applied (UTC), in that order."""
    place = _marks_schema(connection)
    return {} if place is None else _read_marks(connection, place)


def _read_marks(
    connection: psycopg.Connection[Any], schema: str
) -> dict[str, datetime]:
    rows = connection.execute(
        sql.SQL(
            "select m.migration_id, m.applied_at_utc from {} as m"
            " order by m.applied_at_utc, m.migration_id"
        ).format(sql.Identifier(schema, "_yoyo_migration"))
    )
    return {each: when.replace(tzinfo=UTC) for each, when in rows}


def disagreement(backend: Any, migrations: Any) -> tuple[list[Any], list[Any]]:
    """Return the engine's (applied but unmarked, marked but not applied)."""
    from yoyo.migrations import topological_sort

    engine = list(
        topological_sort(m for m in migrations if m.source_dir == str(ENGINE))
    )
    here = backend.execute("select to_regnamespace('evident') is not null").fetchone()
    version = installed_version(backend.connection) if here[0] else None
    if here[0] and version is None:
        # Nothing to compare with: the marks are all there is.
        return [], []
    ids = [migration.id for migration in engine]
    if version is not None and version not in ids:
        raise Failure(
            f"the database is at {version}, which this clone does not have",
            "update the clone",
        )
    count = 0 if version is None else ids.index(version) + 1
    marked = set(backend.get_applied_migration_hashes())
    missing = [m for m in engine[:count] if m.hash not in marked]
    # One outside a transaction cannot move evident.version() along.
    extra = [m for m in engine[count:] if m.hash in marked and m.use_transactions]
    return missing, extra[::-1]
