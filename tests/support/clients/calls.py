"""Appends as values, the three functions that run them, and what came of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Event:
    """One event; its payload's `op` and `n` say who asked for it."""

    type: str
    payload: dict[str, Any] = field(hash=False)
    event_id: uuid.UUID | None = None

    def document(self) -> dict[str, Any]:
        given: dict[str, Any] = {"type": self.type, "payload": self.payload}
        return given | ({"event_id": str(self.event_id)} if self.event_id else {})


@dataclass(frozen=True)
class Entry:
    """Events for one aggregate and the version that it is expected to have."""

    aggregate: uuid.UUID
    expected: int | None
    events: tuple[Event, ...] = ()

    def document(self) -> dict[str, Any]:
        events = [event.document() for event in self.events]
        return {
            "aggregate_id": str(self.aggregate),
            "expected_version": self.expected,
            "events": events,
        }


@dataclass(frozen=True)
class Outcome:
    """The versions of an answered call, or the SQLSTATE and detail of a refusal."""

    versions: tuple[int, ...] = ()
    sqlstate: str | None = None
    detail: dict[str, Any] | None = field(default=None, hash=False)

    @property
    def is_acknowledged(self) -> bool:
        return self.sqlstate is None

    @property
    def conflicts(self) -> list[Any] | None:
        return None if self.detail is None else self.detail.get("conflicts")


def events_of(operation: str, count: int, with_ids: bool = False) -> tuple[Event, ...]:
    """Make the events of one operation, which the checkers recognise by payload."""
    return tuple(
        Event("Noted", {"op": operation, "n": n}, uuid.uuid4() if with_ids else None)
        for n in range(count)
    )


def append_event(connection: Connection, entries: Sequence[Entry]) -> tuple[int, ...]:
    (entry,) = entries
    (event,) = entry.events
    row = connection.execute(
        "select evident.append_event(%s, %s, %s, %s, p_event_id => %s)",
        [
            entry.aggregate,
            event.type,
            json.dumps(event.payload),
            entry.expected,
            event.event_id,
        ],
    ).fetchone()
    assert row is not None
    return (row[0],)


def append_events(connection: Connection, entries: Sequence[Entry]) -> tuple[int, ...]:
    (entry,) = entries
    document = json.dumps([event.document() for event in entry.events])
    row = connection.execute(
        "select evident.append_events(%s, %s, %s)",
        [entry.aggregate, document, entry.expected],
    ).fetchone()
    assert row is not None
    return (row[0],)


def append_batch(connection: Connection, entries: Sequence[Entry]) -> tuple[int, ...]:
    document = json.dumps([entry.document() for entry in entries])
    rows = connection.execute(
        "select aggregate_id, version from evident.append_batch(%s)", [document]
    ).fetchall()
    assert [row[0] for row in rows] == [entry.aggregate for entry in entries]
    return tuple(row[1] for row in rows)


Function = Callable[[Connection, Sequence[Entry]], tuple[int, ...]]


def refusal(error: psycopg.Error) -> Outcome:
    """Read a refusal; raise the error on when the server did not send it."""
    if error.sqlstate is None or error.sqlstate.startswith(("57P", "08")):
        raise error
    detail = error.diag.message_detail
    is_json = error.sqlstate.startswith("PT") and detail
    return Outcome(
        sqlstate=error.sqlstate, detail=json.loads(detail) if is_json else None
    )


def call(
    connection: Connection, function: Function, entries: Sequence[Entry]
) -> Outcome:
    """Call one function, without a transaction around it unless one is open."""
    try:
        return Outcome(versions=function(connection, entries))
    except psycopg.Error as error:
        return refusal(error)


def function_for(entries: Sequence[Entry]) -> Function:
    """Choose the smallest function that takes these entries."""
    if len(entries) != 1 or not entries[0].events:
        return append_batch
    return append_event if len(entries[0].events) == 1 else append_events
