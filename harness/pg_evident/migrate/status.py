"""Show the state of one database."""

from __future__ import annotations

from typing import Any

import psycopg
from rich.table import Table

from pg_evident import showing
from pg_evident.access.denials import hint_of
from pg_evident.access.ownership import connect
from pg_evident.access.pinning import pinned
from pg_evident.installed import installed_version
from pg_evident.migrate import fingerprint, upgrades
from pg_evident.migrate.run import status


def show(dsn: str) -> None:
    """Print server, version, events, feed, ledger, and the migrations as a table.

    Reads only. What the connected role may not see is shown as such.
    """
    console = showing.console()
    facts: list[tuple[str, str]] = []
    with connect(dsn, installed=False, autocommit=True) as connection:
        facts.append(("server", f"PostgreSQL {_server(connection)}"))
        facts.append(("database", connection.info.dbname))
        facts.append(("evident", _attempt(_installed, connection)))
        if _exists(connection, "evident.event_store"):
            facts.append(("events", _attempt(_events, connection)))
        if _exists(connection, "evident.feed_status"):
            facts.append(("feed", _attempt(_feed, connection)))
        if _exists(connection, "evident.ledger_status"):
            facts.append(("ledger", _attempt(_ledger, connection)))
        if _exists(connection, "evident.baseline"):
            facts.append(("catalog", _attempt(fingerprint.compared, connection)))
        there = _applied(connection)
        if _is_open(connection):
            facts.append(
                (
                    "row types",
                    "open to PUBLIC: as evident_owner, select evident._close_types()",
                )
            )
    # Lines, not a table: one that is cut at a width cannot be searched.
    for name, value in facts:
        console.print(f"{name:<11}{value}")

    migrations = Table("migration", "applied (UTC)", box=None, padding=(0, 2, 0, 0))
    try:
        listed = status(dsn)
    except psycopg.errors.InsufficientPrivilege as error:
        console.print(f"migrations  not visible: {error.diag.message_primary}")
        return
    for each, when in listed:
        missing = "no mark: evident migrate --mark" if each in there else "pending"
        migrations.add_row(each, f"{when:%Y-%m-%d %H:%M:%S}" if when else missing)
    console.print(migrations)


def _attempt(read: Any, connection: psycopg.Connection[Any]) -> str:
    try:
        return str(read(connection))
    except psycopg.errors.InsufficientPrivilege as error:
        hint = hint_of(error)
        said = f"not visible: {error.diag.message_primary}"
        return f"{said}; {hint}" if hint else said


def _server(connection: psycopg.Connection[Any]) -> str:
    return connection.info.parameter_status("server_version") or "?"


def _installed(connection: psycopg.Connection[Any]) -> str:
    version, known = installed_version(connection), upgrades.known()
    if version is None:
        return "not installed: evident migrate"
    if version not in known:
        return (
            f"{version}, which this package does not have, it ends at {known[-1]}:"
            " pip install --upgrade pg-evident"
        )
    pending = known[known.index(version) + 1 :]
    if not pending or version == upgrades.newest_version():
        return version
    return f"{version}, older than this package; pending: {', '.join(pending)}"


def _applied(connection: psycopg.Connection[Any]) -> list[str]:
    """List the engine's migrations that are there, whatever is marked."""
    version, known = installed_version(connection), upgrades.known()
    return known[: known.index(version) + 1] if version in known else []


def _exists(connection: psycopg.Connection[Any], relation: str) -> bool:
    # Without usage on the schema to_regclass raises instead of giving null.
    row = connection.execute(
        "select exists (select from pg_catalog.pg_class as c"
        " where c.relnamespace = pg_catalog.to_regnamespace(%s)::oid"
        " and c.relname = %s)",
        relation.split("."),
    ).fetchone()
    return bool(row and row[0])


def _is_open(connection: psycopg.Connection[Any]) -> bool:
    """Say whether PUBLIC may name row types of ours: no dump has the rights to them."""
    with pinned(connection):
        row = connection.execute(
            "select exists (select from pg_type as t"
            " where t.typnamespace = to_regnamespace('evident') and t.typtype = 'c'"
            " and t.typowner = to_regrole('evident_owner')"
            " and has_type_privilege('public', t.oid, 'usage'))"
        ).fetchone()
    return bool(row and row[0])


def _events(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(
        "select c.reltuples::bigint from pg_catalog.pg_class as c"
        " where c.relnamespace = pg_catalog.to_regnamespace('evident')::oid"
        " and c.relname = 'event_store'"
    ).fetchone()
    if row is None or row[0] < 0:
        return "not counted yet (no vacuum or analyze so far)"
    return f"about {row[0]:,}"


def _feed(connection: psycopg.Connection[Any]) -> str:
    return _pairs(connection, "select f.* from evident.feed_status as f")


def _ledger(connection: psycopg.Connection[Any]) -> str:
    return _pairs(
        connection,
        "select s.leaves, s.unsealed_events, s.sealed_at, s.published_leaves,"
        " s.published_at, s.origin, s.problem from evident.ledger_status as s",
    )


def _pairs(connection: psycopg.Connection[Any], query: str) -> str:
    cursor = connection.execute(query.encode())
    row = cursor.fetchone()
    names = [column.name for column in cursor.description or ()]
    pairs = zip(names, row or (), strict=False)
    return ", ".join(
        f"{name} {value}"
        for name, value in pairs
        if value is not None and name != "is_snapshot"
    )
