"""Measure appends of 1,000 events per transaction over one connection."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from harness.bench.processors import metered
from harness.bench.rounds import Candidate, Sample, Workload
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

_EVENTS = 1000  # per transaction
_PAIRS = _EVENTS // 2
_WARM_UP = 3  # transactions
_NOBODY = str(uuid.UUID(int=0))

_EVENT = f'{{"type": "{EVENT_TYPE}", "payload": {PAYLOAD}}}'
_DOCUMENT = f"[{', '.join([_EVENT] * _EVENTS)}]"
_COPY_ROWS = "".join(
    f"{_NOBODY}\t{version}\t{EVENT_TYPE}\t{PAYLOAD}\n"
    for version in range(1, _EVENTS + 1)
)
_INSERT: LiteralString = (
    "insert into bench.event_store (aggregate_id, version, event_type, payload)"
)

_Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class _Way:
    """One way to write 1,000 events: `prepare` outside the clock, `send` inside."""

    name: str
    table: str
    gives: str
    prepare: Callable[[], Any]
    send: Callable[[_Connection, Any], None]


def batch_workloads(bench: Bench) -> list[Workload]:
    """Return the workload of `evident bench batch`; COPY is the reference."""
    ways = [
        _Way(
            "COPY",
            TWIN,
            "unique versions; gaps possible, readers skip late commits",
            lambda: _COPY_ROWS.replace(_NOBODY, str(uuid.uuid4())).encode(),
            _send_copy,
        ),
        _Way(
            "evident.append_events",
            STORE,
            "exact version or PT409, no gaps, checked arguments, readers skip nothing",
            lambda: str(uuid.uuid4()),
            _send_events,
        ),
        _Way(
            f"evident.append_batch, {_PAIRS} x 2",
            STORE,
            "the same for each aggregate, all or none; all conflicts at once",
            _batch_document,
            _send_batch,
        ),
        _Way(
            "INSERT of 1,000 rows",
            TWIN,
            "as COPY",
            _insert_statement,
            _send_statement,
        ),
        _Way(
            "INSERT from the JSON document",
            TWIN,
            "as COPY",
            lambda: str(uuid.uuid4()),
            _send_unpacked,
        ),
    ]
    candidates = [Candidate(way.name, way.gives, _timed(bench, way)) for way in ways]
    title = "batch: 1,000 events per transaction, 1 connection"
    return [Workload(title, "events/s", candidates)]


def _timed(bench: Bench, way: _Way) -> Callable[[], Sample]:
    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(
                bench.server.uri_for(database), user=WRITER, autocommit=True
            ) as writer,
        ):
            _calls(writer, way, calls=_WARM_UP)
            checkpoint(bench)
            before = count(writer, way.table)
            with metered(bench.server) as usage:
                calls, seconds = _calls(writer, way, seconds=bench.seconds)
            written = count(writer, way.table) - before
            is_right = has_dense_versions(writer, way.table)
        return Sample(
            operations=calls * _EVENTS,
            seconds=seconds,
            usage=usage,
            is_right=is_right and written == calls * _EVENTS,
        )

    return measure


def _calls(
    connection: _Connection,
    way: _Way,
    *,
    calls: int | None = None,
    seconds: float = float("inf"),
) -> tuple[int, float]:
    """Send until `calls` or `seconds` are reached; only sending is on the clock."""
    done, spent = 0, 0.0
    while spent < seconds and done != calls:
        prepared = way.prepare()
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


def _send_events(connection: _Connection, aggregate_id: str) -> None:
    connection.execute(
        "select evident.append_events(%s, %s, 0)",
        (aggregate_id, _DOCUMENT),
        prepare=True,
    )


def _send_batch(connection: _Connection, document: str) -> None:
    connection.execute(
        "select b.aggregate_id, b.version from evident.append_batch(%s) as b",
        (document,),
        prepare=True,
    )


def _send_statement(connection: _Connection, statement: bytes) -> None:
    connection.execute(statement)


def _send_unpacked(connection: _Connection, aggregate_id: str) -> None:
    connection.execute(
        _INSERT + " select %s, v.ordinality, v.value ->> 'type', v.value -> 'payload'"
        " from jsonb_array_elements(%s) with ordinality as v (value, ordinality)"
        " order by v.ordinality",
        (aggregate_id, _DOCUMENT),
        prepare=True,
    )


def _batch_document() -> str:
    entries = ", ".join(
        f'{{"aggregate_id": "{uuid.uuid4()}", "expected_version": 0,'
        f' "events": [{_EVENT}, {_EVENT}]}}'
        for _ in range(_PAIRS)
    )
    return f"[{entries}]"


def _insert_statement() -> bytes:
    # Literals, as a client that composes one statement would send them.
    aggregate_id = uuid.uuid4()
    rows = ", ".join(
        f"('{aggregate_id}', {version}, '{EVENT_TYPE}', '{PAYLOAD}')"
        for version in range(1, _EVENTS + 1)
    )
    return f"{_INSERT} values {rows}".encode()
