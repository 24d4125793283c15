"""The ways to write many events in a call, each with what its client sends."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, LiteralString

import psycopg

from pg_evident.bench.stage.schema import EVENT_TYPE, PAYLOAD, STORE, TWIN
from pg_evident.bench.terms import Budget

_NOBODY = str(uuid.UUID(int=0))

_EVENT = f'{{"type": "{EVENT_TYPE}", "payload": {PAYLOAD}}}'
_INSERT: LiteralString = (
    "insert into bench.event_store (aggregate_id, version, event_type, payload)"
)

_Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Way:
    """One way to write the events of a call: `prepare` outside the clock, then `send`.

    `least` is the smallest number of events that it is for.
    """

    name: str
    table: str
    gives: str
    prepare: Callable[[int], Any]
    send: Callable[[_Connection, Any], None]
    least: int = 1
    budgets: tuple[Budget, ...] = ()


def _send_copy(connection: _Connection, rows: bytes) -> None:
    statement = (
        "copy bench.event_store (aggregate_id, version, event_type, payload) from stdin"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)


def _send_events(connection: _Connection, parameters: tuple[str, str]) -> None:
    connection.execute(
        "select evident.append_events(%s, %s, 0)", parameters, prepare=True
    )


def _send_batch(connection: _Connection, document: str) -> None:
    connection.execute(
        "select b.aggregate_id, b.version from evident.append_batch(%s) as b",
        (document,),
        prepare=True,
    )


def _send_statement(connection: _Connection, statement: bytes) -> None:
    connection.execute(statement)


def _send_unpacked(connection: _Connection, parameters: tuple[str, str]) -> None:
    connection.execute(
        _INSERT + " select %s, v.ordinality, v.value ->> 'type', v.value -> 'payload'"
        " from jsonb_array_elements(%s) with ordinality as v (value, ordinality)"
        " order by v.ordinality",
        parameters,
        prepare=True,
    )


@cache
def _copy_text(events: int) -> str:
    return "".join(
        f"{_NOBODY}\t{version}\t{EVENT_TYPE}\t{PAYLOAD}\n"
        for version in range(1, events + 1)
    )


def _copy_rows(events: int) -> bytes:
    return _copy_text(events).replace(_NOBODY, str(uuid.uuid4())).encode()


@cache
def _document(events: int) -> str:
    return f"[{', '.join([_EVENT] * events)}]"


def _aggregate(events: int) -> tuple[str, str]:
    return str(uuid.uuid4()), _document(events)


def _pairs(events: int) -> str:
    """Return a document for append_batch: two events of each aggregate."""
    entries = ", ".join(
        f'{{"aggregate_id": "{uuid.uuid4()}", "expected_version": 0,'
        f' "events": {_document(min(2, events - first))}}}'
        for first in range(0, events, 2)
    )
    return f"[{entries}]"


def _insert_statement(events: int) -> bytes:
    # Literals, as a client that composes one statement would send them.
    aggregate_id = uuid.uuid4()
    rows = ", ".join(
        f"('{aggregate_id}', {version}, '{EVENT_TYPE}', '{PAYLOAD}')"
        for version in range(1, events + 1)
    )
    return f"{_INSERT} values {rows}".encode()


WAYS = (
    Way(
        "COPY",
        TWIN,
        "unique versions; gaps possible, readers skip late commits",
        _copy_rows,
        _send_copy,
    ),
    Way(
        "evident.append_events",
        STORE,
        "exact version or PT409, no gaps, checked arguments, readers skip nothing",
        _aggregate,
        _send_events,
        budgets=(Budget(0.75),),
    ),
    Way(
        "evident.append_batch, two each",
        STORE,
        "the same for each aggregate, all or none; all conflicts at once",
        _pairs,
        _send_batch,
        least=2,
    ),
    Way("INSERT of the rows", TWIN, "as COPY", _insert_statement, _send_statement),
    Way("INSERT from JSON", TWIN, "as COPY", _aggregate, _send_unpacked),
)
