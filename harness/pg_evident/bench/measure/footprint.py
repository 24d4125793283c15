"""Measure what a run leaves on the disk: in the log, in tables, in their indexes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from pg_evident.bench.stage.server import Bench
from pg_evident.bench.terms import Footprint
from pg_evident.database import connect

_SIZES = """
select
    pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
    sum(pg_table_size(t.name::regclass)),
    sum(pg_indexes_size(t.name::regclass))
from unnest(%s::text[]) as t (name)
"""


@dataclass
class Growth:
    """Bytes that came to be in a while, known once the while is over."""

    wal: int = 0
    table: int = 0
    indexes: int = 0

    def per(self, operations: int) -> Footprint:
        """Return the bytes of one of so many operations."""
        return Footprint(
            wal=self.wal / operations,
            table=self.table / operations,
            indexes=self.indexes / operations,
        )


@contextlib.contextmanager
def footprinted(bench: Bench, database: str, *tables: str) -> Iterator[Growth]:
    """Measure by how much the server's log and these tables grow in the block.

    Whole pages are counted, for a table with its TOAST, free space and visibility
    maps; over thousands of rows that makes no difference. The log is the whole
    server's, on which nothing else may run, and has the full page images that
    follow a checkpoint.
    """
    growth = Growth()
    before = _sizes(bench, database, tables)
    yield growth
    after = _sizes(bench, database, tables)
    growth.wal, growth.table, growth.indexes = (
        now - then for now, then in zip(after, before, strict=True)
    )


def _sizes(bench: Bench, database: str, tables: tuple[str, ...]) -> list[int]:
    with connect(bench.server.uri_for(database), autocommit=True) as connection:
        row = connection.execute(_SIZES, (list(tables),)).fetchone()
    return [int(size) for size in row or ()]
