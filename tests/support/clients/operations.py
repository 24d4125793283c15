"""What a client asked for and was told, with the times of both."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel

from support.clients.calls import (
    Connection,
    Entry,
    Outcome,
    call,
    function_for,
    refusal,
)
from support.models.history import Level

LEVELS = {
    IsolationLevel.READ_COMMITTED: Level.READ_COMMITTED,
    IsolationLevel.REPEATABLE_READ: Level.REPEATABLE_READ,
    IsolationLevel.SERIALIZABLE: Level.SERIALIZABLE,
}


@dataclass
class Operation:
    """One call; `outcome` stays None when the client never got an answer."""

    name: str
    entries: tuple[Entry, ...]
    invoked: float = 0.0
    returned: float | None = None
    outcome: Outcome | None = None
    # The aggregate's events as read before, oldest first: see check_history.element.
    read: tuple[str, ...] | None = None
    level: Level = Level.READ_COMMITTED

    @property
    def is_acknowledged(self) -> bool:
        return self.outcome is not None and self.outcome.is_acknowledged


def perform(connection: Connection, operation: Operation) -> Operation:
    """Run an operation's call in a transaction and note what came of it.

    A lost connection is raised on, and leaves the outcome open.
    """
    operation.invoked = time.monotonic()
    in_transaction(connection, operation, lambda: None)
    return operation


def perform_alone(connection: Connection, operation: Operation) -> Operation:
    """Run an operation's call as one statement that commits itself."""
    operation.invoked = time.monotonic()
    function = function_for(operation.entries)
    operation.outcome = call(connection, function, operation.entries)
    operation.returned = time.monotonic()
    return operation


def perform_after_reading(connection: Connection, operation: Operation) -> Operation:
    """Read the aggregate and append exactly behind it, in one transaction."""
    operation.invoked = time.monotonic()

    def read() -> None:
        (entry,) = operation.entries
        rows = connection.execute(
            "select concat(payload ->> 'op', '/', payload ->> 'n')"
            " from evident.read_aggregate(%s)",
            [entry.aggregate],
        ).fetchall()
        operation.read = tuple(row[0] for row in rows)
        entry = Entry(entry.aggregate, len(rows), entry.events)
        operation.entries = (entry,)

    in_transaction(connection, operation, read)
    return operation


def in_transaction(
    connection: Connection, operation: Operation, before: Callable[[], None]
) -> None:
    if connection.isolation_level is not None:
        operation.level = LEVELS[connection.isolation_level]
    try:
        with connection.transaction():
            before()
            function = function_for(operation.entries)
            outcome = Outcome(versions=function(connection, operation.entries))
        operation.outcome = outcome
    except psycopg.Error as error:
        operation.outcome = refusal(error)
    operation.returned = time.monotonic()


def versions_now(connection: Connection, aggregates: Sequence[object]) -> list[int]:
    """Ask for the present versions, each in a snapshot of its own."""
    query = "select evident.aggregate_version(%s)"
    rows = [connection.execute(query, [each]).fetchone() for each in aggregates]
    return [row[0] for row in rows if row is not None]


def close_quietly(connection: Connection) -> None:
    """Close a connection that may be broken."""
    with contextlib.suppress(psycopg.Error):
        connection.close()
