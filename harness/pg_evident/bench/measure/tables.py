"""Look at what a run added to a large table, without reading all of it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

_Connection = psycopg.Connection[Any]

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


def last_id(connection: _Connection, table: str) -> int:
    """Return the highest id of a table, 0 when it is empty."""
    query = sql.SQL("select coalesce(max(e.id), 0) from {} as e")
    row = connection.execute(query.format(_identifier(table))).fetchone()
    return int(row[0]) if row else 0


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
