"""Transactions in which a name means what pg_catalog says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


@contextmanager
def pinned(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Run a transaction, or a part of one, in which names mean what pg_catalog says."""
    with connection.transaction():
        connection.execute("set local search_path = pg_catalog, pg_temp")
        yield
