"""Two batches, each appending to what the other one only checks."""

from __future__ import annotations

import time
import uuid

import psycopg
from psycopg import IsolationLevel

from support.clients.calls import (
    Connection,
    Entry,
    append_batch,
    call,
    events_of,
    refusal,
)
from support.clients.operations import Operation, perform_alone
from support.clients.store import Store
from support.clients.waiting import Background, wait_until_blocked_or_done


def crossed_batches(
    store: Store,
    observer: Connection,
    levels: tuple[IsolationLevel, IsolationLevel],
) -> list[Operation]:
    """Run both in transactions that overlap, the second while the first is open."""
    pair = (uuid.uuid4(), uuid.uuid4())
    with store.connect() as writer:
        opened = [open_aggregate(writer, aggregate) for aggregate in pair]
    first = crossed(f"first of {pair[0]}", *pair)
    second = crossed(f"second of {pair[0]}", *reversed(pair))
    with store.connect(levels[0]) as one, store.connect(levels[1]) as other:
        begin(one, first)
        begin(other, second)
        append(one, first)
        later = Background(lambda: append(other, second))
        wait_until_blocked_or_done(observer, other, later)
        commit(one, first)
        later.result()
        commit(other, second)
    return [*opened, first, second]


def open_aggregate(connection: Connection, aggregate: uuid.UUID) -> Operation:
    name = f"opens {aggregate}"
    entry = Entry(aggregate, 0, events_of(name, 1))
    return perform_alone(connection, Operation(name, (entry,)))


def crossed(name: str, written: uuid.UUID, checked: uuid.UUID) -> Operation:
    return Operation(name, (Entry(written, 1, events_of(name, 1)), Entry(checked, 1)))


def begin(connection: Connection, operation: Operation) -> None:
    """Begin, and take the snapshot that the level keeps."""
    operation.invoked = time.monotonic()
    connection.autocommit = False
    connection.execute("select count(*) from evident.event_store")


def append(connection: Connection, operation: Operation) -> None:
    operation.outcome = call(connection, append_batch, operation.entries)


def commit(connection: Connection, operation: Operation) -> None:
    """Commit, which may refuse what the append had acknowledged."""
    try:
        connection.commit()
    except psycopg.Error as error:
        operation.outcome = refusal(error)
    operation.returned = time.monotonic()
