"""Small steps of appends and operators, for tests that order them by hand."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
from psycopg import IsolationLevel

from support.clients.calls import Connection, Entry, Event, append_event, append_events
from support.clients.waiting import Background
from support.models.projection_models import Model

# One snapshot for the whole transaction.
LEVELS = [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]
ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
STATE = "select state from evident.projection where name = %s"
PAUSE = "select evident.pause_projection(%s)"
RESUME = "select evident.resume_projection(%s)"


def added(*keys: str, kind: str = "Added", count: int = 1) -> tuple[Event, ...]:
    return (Event(kind, {"keys": list(keys)}),) * count


def append(
    connection: Connection,
    aggregate: uuid.UUID = ONE,
    *keys: str,
    expected: int | None = None,
    count: int = 1,
) -> None:
    """Append one event, or more with one call, that touch these keys."""
    function = append_event if count == 1 else append_events
    function(connection, [Entry(aggregate, expected, added(*keys, count=count))])


def state(observer: Connection, model: Model) -> str:
    row = observer.execute(STATE, [model.name]).fetchone()
    assert row is not None
    return str(row[0])


def sqlstate(task: Background[Any]) -> str | None:
    """Wait for a task and give how it was refused, None when it was not."""
    try:
        task.result()
    except psycopg.Error as error:
        return error.sqlstate
    return None
