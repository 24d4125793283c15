"""Look at a large table before and after a run, without reading all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from harness.bench.rounds import Footprint

_Connection = psycopg.Connection[Any]

_MARKS = """
select
    coalesce(max(e.id), 0),
    pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
    pg_table_size(%(name)s::regclass),
    pg_indexes_size(%(name)s::regclass)
from {} as e
"""
# The key forbids a version twice, so all are there when each has its predecessor.
_HAS_HOLE = """
select
from {table} as e
where
    e.id > %s
    and e.version > 1
    and not exists (
        select
        from {table} as b
        where b.aggregate_id = e.aggregate_id and b.version = e.version - 1
    )
limit 1
"""


@dataclass(frozen=True)
class Marks:
    """Where a table and the server's log stand: last id, bytes."""

    id: int
    wal: int
    table: int
    indexes: int


def marks(connection: _Connection, table: str) -> Marks:
    """Read the last id, the log's position, and the bytes of table and indexes."""
    query = sql.SQL(_MARKS).format(_identifier(table))
    row = connection.execute(query, {"name": table}).fetchone()
    assert row is not None
    return Marks(*(int(value) for value in row))


def footprint(before: Marks, after: Marks, operations: int) -> Footprint:
    """Share what was written between two looks among the operations."""
    return Footprint(
        wal=(after.wal - before.wal) / operations,
        table=(after.table - before.table) / operations,
        indexes=(after.indexes - before.indexes) / operations,
    )


def count_after(connection: _Connection, table: str, last: int) -> int:
    """Count the rows behind an id."""
    query = sql.SQL("select count(*) from {} as e where e.id > %s")
    row = connection.execute(query.format(_identifier(table)), (last,)).fetchone()
    return int(row[0]) if row else 0


def has_dense_versions_after(connection: _Connection, table: str, last: int) -> bool:
    """Say whether no row behind an id leaves a gap in its aggregate's versions."""
    query = sql.SQL(_HAS_HOLE).format(table=_identifier(table))
    return connection.execute(query, (last,)).fetchone() is None


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
