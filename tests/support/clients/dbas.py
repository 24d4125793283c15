"""Work as one of the DBAs of the fixture `alone`."""

from __future__ import annotations

from typing import Any

from pg_evident.database import connect
from pg_evident.server.cluster import Server


def run(dsn: str, *texts: str) -> list[tuple[Any, ...]]:
    """Run each text as one message, and return the rows of the last."""
    with connect(dsn, autocommit=True) as connection:
        for text in texts:
            cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


def uri(server: Server, database: str, user: str = "postgres") -> str:
    """Address a database of the fixture as one of its roles."""
    return server.uri_for(database).replace("postgres@", f"{user}@", 1)
