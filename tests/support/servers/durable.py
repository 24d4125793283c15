"""A server of a test's own that promises to keep what it acknowledges."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conftest import Database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.clients.store import LOGIN_SQL, Store

DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_prepared_transactions": "5",
}


@dataclass(frozen=True)
class Mortal:
    """A durable server that the test may bring down, and the store on it."""

    server: Server
    store: Store


@contextlib.contextmanager
def durable_store(
    major: int,
    settings: Mapping[str, str] | None = None,
    *,
    parent: Path | None = None,
) -> Iterator[Mortal]:
    """Run a durable server with a migrated database until the block ends."""
    with ephemeral(major, DURABLE | dict(settings or {}), parent=parent) as server:
        migrate(server.uri)
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
        database = Database(server.database, server)
        try:
            yield Mortal(server, Store(database))
        finally:
            database.close()
