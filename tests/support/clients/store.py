"""Connections to one test's store as an ordinary login."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import IsolationLevel

Connection = psycopg.Connection[Any]


class PatientConnection(psycopg.Connection[Any]):
    """A connection that a failing test may close under a thread that still waits."""

    def close(self) -> None:
        if not self.closed and self.lock.locked():
            # libpq would crash the process.
            with contextlib.suppress(psycopg.Error):
                self.cancel_safe(timeout=5)
            if self.lock.acquire(timeout=10):
                self.lock.release()
        super().close()


# The stream of what the store writes about itself, of which no writer knows anything.
OWN = uuid.UUID(int=0)
LOGIN = "evident_test_app"
# A deadlock shows at once instead of after a second, and nothing waits for ever.
LOGIN_SQL = f"""
create role {LOGIN} login
in role evident_writer, evident_reader, evident_operator, evident_auditor;
alter role {LOGIN} set deadlock_timeout = '20ms';
alter role {LOGIN} set statement_timeout = '30s';
alter role {LOGIN} set idle_in_transaction_session_timeout = '120s';
"""


class Connectable(Protocol):
    """What the tests' Database offers."""

    name: str
    connections: list[Connection]

    @property
    def dsn(self) -> str: ...

    def connect(self, **kwargs: Any) -> Connection: ...


@dataclass(frozen=True)
class Logged:
    """One stored event, as the checkers see it."""

    id: int
    aggregate: uuid.UUID
    version: int
    operation: str | None
    n: int | None


@dataclass(frozen=True)
class Store:
    db: Connectable

    def connect(self, level: IsolationLevel | None = None, **kwargs: Any) -> Connection:
        """Open a connection that commits each statement outside a transaction."""
        connection = PatientConnection.connect(
            self.db.dsn, autocommit=True, user=LOGIN, **kwargs
        )
        self.db.connections.append(connection)
        connection.isolation_level = level
        return connection

    def log(self) -> list[Logged]:
        """Read all events in the order of their ids."""
        with contextlib.closing(self.db.connect(autocommit=True)) as connection:
            rows = connection.execute(
                "select id, aggregate_id, version, payload ->> 'op',"
                " (payload ->> 'n')::integer from evident.event_store order by id"
            ).fetchall()
        return [Logged(*row) for row in rows]
