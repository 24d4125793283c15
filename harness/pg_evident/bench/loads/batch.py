"""Measure appends of many events per transaction over one connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from pg_evident.bench.loads.batch_ways import WAYS, Way
from pg_evident.bench.measure.footprint import footprinted
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.schema import WRITER, count, has_dense_versions
from pg_evident.bench.stage.server import Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Candidate, Sample, Workload
from pg_evident.database import connect

_WARM_UP = 100  # events, and three calls at least
_PROMISED = 1000  # events of the call that the budget is about


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
            for way in WAYS
            if events >= way.least
        ],
        axis=("events per call", events),
    )


def _timed(bench: Bench, way: Way, events: int) -> Callable[[], Sample]:
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
    connection: psycopg.Connection[Any],
    way: Way,
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
