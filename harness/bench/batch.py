"""Measure appends of many events per transaction over one connection."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, LiteralString

import psycopg

from harness.bench.footprint import footprinted
from harness.bench.processors import metered
from harness.bench.rounds import Budget, Candidate, Sample, Workload
from harness.bench.schema import (
    EVENT_TYPE,
    PAYLOAD,
    STORE,
    TWIN,
    WRITER,
    count,
    has_dense_versions,
)
from harness.bench.server import Bench, checkpoint, fresh_database
from harness.database import connect

_WARM_UP = 100  # events, and three calls at least
_PROMISED = 1000  # events of the call that the budget is about
_NOBODY = str(uuid.UUID(int=0))

_EVENT = f'{{"type": "{EVENT_TYPE}", "payload": {PAYLOAD}}}'
_INSERT: LiteralString = (
    "insert into bench.event_store (aggregate_id, version, event_type, payload)"
)

_Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class _Way:
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


def batch_workloads(bench: Bench) -> list[Workload]:
    """Return the workloads of `evident bench batch`; COPY is the reference."""
    return [_workload(bench, events) for events in bench.options.per_call]


def _workload(bench: Bench, events: int) -> Workload:
    return Workload(
        f"batch: {events:,} events per transaction, 1 connection",
        "events/s",
        [
            Candidate(
                way.name,
                way.gives,
                _timed(bench, way, events),
                way.budgets if events == _PROMISED else (),
            )
            for way in _WAYS
            if events >= way.least
        ],
        axis=("events per call", events),
    )


def _timed(bench: Bench, way: _Way, events: int) -> Callable[[], Sample]:
    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(
                bench.server.uri_for(database), user=WRITER, autocommit=True
            ) as writer,
        ):
            _calls(writer, way, events, calls=max(3, _WARM_UP // events))
            checkpoint(bench)
            before = count(writer, way.table)
            with (
                footprinted(bench, database, way.table) as growth,
                metered(bench.server) as usage,
            ):
                calls, seconds = _calls(writer, way, events, seconds=bench.seconds)
            written = count(writer, way.table) - before
            is_right = has_dense_versions(writer, way.table)
        return Sample(
            operations=calls * events,
            seconds=seconds,
            usage=usage,
            is_right=is_right and written == calls * events,
            footprint=growth.per(calls * events),
        )

    return measure


def _calls(
    connection: _Connection,
    way: _Way,
    events: int,
    *,
    calls: int | None = None,
    seconds: float = float("inf"),
) -> tuple[int, float]:
    """Send until `calls` or `seconds` are reached; only sending is on the clock."""
    done, spent = 0, 0.0
    while spent < seconds and done != calls:
        prepared = way.prepare(events)
        start = time.perf_counter()
        way.send(connection, prepared)
        spent += time.perf_counter() - start
        done += 1
    return done, spent


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


_WAYS = (
    _Way(
        "COPY",
        TWIN,
        "unique versions; gaps possible, readers skip late commits",
        _copy_rows,
        _send_copy,
    ),
    _Way(
        "evident.append_events",
        STORE,
        "exact version or PT409, no gaps, checked arguments, readers skip nothing",
        _aggregate,
        _send_events,
        budgets=(Budget(0.75),),
    ),
    _Way(
        "evident.append_batch, two each",
        STORE,
        "the same for each aggregate, all or none; all conflicts at once",
        _pairs,
        _send_batch,
        least=2,
    ),
    _Way("INSERT of the rows", TWIN, "as COPY", _insert_statement, _send_statement),
    _Way("INSERT from JSON", TWIN, "as COPY", _aggregate, _send_unpacked),
)
