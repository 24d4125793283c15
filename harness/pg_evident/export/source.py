"""What an export reads: events, tiles, tree heads and the identity of the log.

All of it in one transaction that sees one state, on a primary or a standby.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import IsolationLevel, sql

from pg_evident.export import queries
from pg_evident.installed import connect_patiently

Connection = psycopg.Connection[Any]

# Tiles in memory at a time.
PAGE = 64
# Before the first event; an owner can insert ids below 1.
BEGINNING = -(2**63)


@dataclass(frozen=True)
class Bundle:
    """A tile of leaves: its hashes, and the id of the last event under it."""

    index: int
    width: int
    last_event_id: int
    hashes: bytes


@contextlib.contextmanager
def snapshot(dsn: str) -> Iterator[Connection]:
    """Open one state of a database for reading."""
    with connect_patiently(
        dsn, fallback_application_name="evident export"
    ) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            connection.execute("set local search_path = pg_catalog, pg_temp")
            # Each page is a query of its own, too short to be compiled.
            connection.execute("set local jit = off")
            # All of every table, or an error: a policy must not leave anything out.
            connection.execute("set local row_security = off")
            connection.execute("select evident.require_utf8()")
            yield connection


def identity(connection: Connection) -> dict[str, Any]:
    """Read what log.json says of the log itself."""
    rows = connection.execute(queries.IDENTITY.encode()).fetchall()
    log_id, incarnation, name = rows[-1][:3]
    keys = ("incarnation", "name", "reason", "begun_at", "begun_by", "tree_size")
    return {
        "origin": f"{name}/{log_id}/{incarnation}",
        "log_id": log_id,
        "name": name,
        "incarnations": [dict(zip(keys, row[1:7], strict=True)) for row in rows],
        "exported_at": rows[-1][7],
    }


def tree_size(connection: Connection) -> int:
    """Read how many leaves are sealed."""
    return _number(connection, queries.SIZE, ())


def missing_at_the_end(connection: Connection, size: int) -> int:
    """Count the events that the last tile of leaves, full or not, should have."""
    given = {"size": size, "beginning": BEGINNING, "end": -BEGINNING - 1}
    width = (size - 1) % 256 + 1 if size else 0
    return max(width - _number(connection, queries.LAST_TILE, given), 0)


def full_tiles(
    connection: Connection, level: int, first: int, end: int
) -> list[tuple[int, int | None, bytes]]:
    """Read (index, last event id, hashes) of full tiles; no id without a row."""
    given = {"level": level, "first": first, "end": end}
    return connection.execute(queries.TILES, given, binary=True).fetchall()


def partial_tile(connection: Connection, level: int, index: int, width: int) -> bytes:
    """Read the first hashes of a tile."""
    row = connection.execute(
        queries.TILE, [level, index, width], binary=True
    ).fetchone()
    assert row is not None
    return bytes(row[0])


def bundles(
    connection: Connection, first: int, size: int, after: int
) -> Iterator[list[Bundle]]:
    """Read the tiles of leaves from index `first` on, page by page.

    `after` is the id of the last event before them.
    """
    full, width = divmod(size, 256)
    for start in range(first, full, PAGE):
        page = []
        end = min(start + PAGE, full)
        for index, last, hashes in full_tiles(connection, 0, start, end):
            after = _counted_end(connection, after, 256) if last is None else last
            page.append(Bundle(index, 256, after, hashes))
        yield page
    if width:
        row = connection.execute(queries.HEAD_END, [size]).fetchone()
        last = row[0] if row else _counted_end(connection, after, width)
        hashes = partial_tile(connection, 0, full, width)
        yield [Bundle(full, width, last, hashes)]


@contextlib.contextmanager
def events(
    connection: Connection, after: int, until: int
) -> Iterator[Iterator[tuple[int, bytes, bytes]]]:
    """Stream (id, leaf entry, line of events.ndjson) in the order of the ids."""
    query = sql.SQL(queries.EVENTS).format(
        line=sql.SQL(queries.LINE), after=after, until=until
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(["int8", "bytea", "bytea"])
        yield copy.rows()


def line_of(connection: Connection, event_id: UUID) -> bytes:
    """Read one event as its line of events.ndjson."""
    query = sql.SQL(queries.LINE_OF).format(line=sql.SQL(queries.LINE))
    row = connection.execute(query, [event_id], binary=True).fetchone()
    assert row is not None
    return bytes(row[0])


@contextlib.contextmanager
def heads(connection: Connection, size: int) -> Iterator[Iterator[bytes]]:
    """Stream the lines of tree-heads.ndjson."""
    query = sql.SQL(queries.HEADS).format(line=sql.SQL(queries.HEAD), size=size)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(["bytea"])
        yield (line for (line,) in copy.rows())


def as_json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _counted_end(connection: Connection, after: int, count: int) -> int:
    return _number(connection, queries.COUNTED_END, {"after": after, "count": count})


def _number(connection: Connection, query: str, parameters: Any) -> int:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])
