"""What an export reads: events, tiles, tree heads and the identity of the log.

All of it in one transaction that sees one state, on a primary or a standby. Nothing
here depends on the settings of the session or of its role.
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

from harness.database import connect_patiently

Connection = psycopg.Connection[Any]

# Leaves between two queries: tiles in memory, and the room for a progress bar.
PAGE = 64


def _utc(column: str) -> str:
    """Write SQL for a time stamp in UTC with six digits."""
    return f"to_char({column} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


# Outside of the years 1 to 9999 there is no agreed text for a time stamp.
_OCCURRED = f"""
    case
        when
            e.occurred_at >= '0001-01-01 00:00:00+00'
            and e.occurred_at < '10000-01-01 00:00:00+00'
            then '"' || {_utc("e.occurred_at")} || '"'
        else
            ('x' || encode(timestamptz_send(e.occurred_at), 'hex'))::bit(64)::bigint
            ::text
    end
"""
LINE = f"""
    '{{"id": ' || e.id
    || ', "event_id": "' || e.event_id
    || '", "aggregate_id": "' || e.aggregate_id
    || '", "version": ' || e.version
    || ', "occurred_at": ' || {_OCCURRED}
    || ', "event_type": ' || to_json(e.event_type)
    || ', "recorded_by": ' || to_json(e.recorded_by)
    || ', "payload": ' || to_json(e.payload::text)
    || ', "metadata": ' || to_json(e.metadata::text)
    || e'}}\\n'
"""
_EVENTS = """
    copy (
        select e.id, evident.leaf_entry(e), convert_to({line}, 'UTF8')
        from evident.event_store as e
        where e.id > {after} and e.id <= {until}
        order by e.id
    ) to stdout (format binary)
"""
_LINE_OF = """
    select convert_to({line}, 'UTF8')
    from evident.event_store as e
    where e.event_id = %s
"""
# Where the row of a tile is missing, the tile is made of what is below it.
_TILES = """
    select
        n.index,
        t.last_event_id,
        coalesce(t.hashes, evident.read_tile(%(level)s, n.index))
    from generate_series(%(first)s::bigint, %(end)s::bigint - 1) as n (index)
    left join evident.ledger_tile as t
        on t.level = %(level)s and n.index = t.index
    order by n.index
"""
_TILE = "select evident.read_tile(%s, %s, %s)"
_HEAD_END = """
    select h.last_event_id
    from evident.tree_head as h
    where h.tree_size = %s
    order by h.number
    limit 1
"""
_COUNTED_END = """
    select coalesce(max(l.id), %(after)s)
    from (
        select e.id
        from evident.event_store as e
        where e.id > %(after)s
        order by e.id
        limit %(count)s
    ) as l
"""
_SIZE = """
    select h.tree_size from evident.tree_head as h order by h.number desc limit 1
"""
_HEAD = f"""
    '{{"tree_size": ' || h.tree_size
    || ', "root_hash": "' || encode(h.root_hash, 'base64')
    || '", "last_event_id": ' || h.last_event_id
    || ', "sealed_at": "' || {_utc("h.sealed_at")} || e'"}}\n'
"""
_LAST_TILE = """
    select count(*)
    from evident.event_store as e
    where
        e.id > coalesce(
            (
                select t.last_event_id
                from evident.ledger_tile as t
                where t.level = 0 and t.index = (%(size)s::bigint - 1) / 256 - 1
            ),
            %(beginning)s
        )
        and e.id <= coalesce(
            (
                select h.last_event_id
                from evident.tree_head as h
                where h.tree_size = %(size)s
                order by h.number
                limit 1
            ),
            %(end)s
        )
"""
_HEADS = """
    copy (
        select convert_to({line}, 'UTF8')
        from evident.tree_head as h
        where h.tree_size <= {size}
        order by h.number
    ) to stdout (format binary)
"""
_IDENTITY = f"""
    select
        i.log_id::text, i.incarnation, i.name, i.reason, {_utc("i.begun_at")},
        i.begun_by, i.tree_size, {_utc("clock_timestamp()")}
    from evident.log_identity as i
    order by i.incarnation
"""

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
        dsn, client_encoding="utf8", fallback_application_name="evident export"
    ) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            connection.execute("set local search_path = pg_catalog, pg_temp")
            yield connection


def identity(connection: Connection) -> dict[str, Any]:
    """Read what log.json says of the log itself."""
    rows = connection.execute(_IDENTITY.encode()).fetchall()
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
    return _number(connection, _SIZE, ())


def missing_at_the_end(connection: Connection, size: int) -> int:
    """Count the events that the last tile of leaves, full or not, should have."""
    given = {"size": size, "beginning": BEGINNING, "end": -BEGINNING - 1}
    width = (size - 1) % 256 + 1 if size else 0
    return max(width - _number(connection, _LAST_TILE, given), 0)


def full_tiles(
    connection: Connection, level: int, first: int, end: int
) -> list[tuple[int, int | None, bytes]]:
    """Read (index, last event id, hashes) of full tiles; no id without a row."""
    given = {"level": level, "first": first, "end": end}
    return connection.execute(_TILES, given, binary=True).fetchall()


def partial_tile(connection: Connection, level: int, index: int, width: int) -> bytes:
    """Read the first hashes of a tile."""
    row = connection.execute(_TILE, [level, index, width], binary=True).fetchone()
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
        row = connection.execute(_HEAD_END, [size]).fetchone()
        last = row[0] if row else _counted_end(connection, after, width)
        hashes = partial_tile(connection, 0, full, width)
        yield [Bundle(full, width, last, hashes)]


@contextlib.contextmanager
def events(
    connection: Connection, after: int, until: int
) -> Iterator[Iterator[tuple[int, bytes, bytes]]]:
    """Stream (id, leaf entry, line of events.ndjson) in the order of the ids."""
    query = sql.SQL(_EVENTS).format(line=sql.SQL(LINE), after=after, until=until)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(["int8", "bytea", "bytea"])
        yield copy.rows()


def line_of(connection: Connection, event_id: UUID) -> bytes:
    """Read one event as its line of events.ndjson."""
    query = sql.SQL(_LINE_OF).format(line=sql.SQL(LINE))
    row = connection.execute(query, [event_id], binary=True).fetchone()
    assert row is not None
    return bytes(row[0])


@contextlib.contextmanager
def heads(connection: Connection, size: int) -> Iterator[Iterator[bytes]]:
    """Stream the lines of tree-heads.ndjson."""
    query = sql.SQL(_HEADS).format(line=sql.SQL(_HEAD), size=size)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(["bytea"])
        yield (line for (line,) in copy.rows())


def as_json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _counted_end(connection: Connection, after: int, count: int) -> int:
    return _number(connection, _COUNTED_END, {"after": after, "count": count})


def _number(connection: Connection, query: str, parameters: Any) -> int:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])
