"""Measure rebuild, catch-up and drift check beside row-by-row handlers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from pg_evident.bench.measure.footprint import footprinted
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.read_model import (
    HAND,
    MODEL,
    build_read_model,
    drift,
    fill_orders,
    register,
)
from pg_evident.bench.stage.schema import count
from pg_evident.bench.stage.server import TEMPLATE, Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Budget, Candidate, Sample, Workload
from pg_evident.database import connect

_BUDGETS = (Budget(2.5),)
_LIMIT = 50_000  # events per run of the catch-up

_Connection = psycopg.Connection[Any]


def _prepare(bench: Bench, events: int) -> int:
    """Fill the template database with orders; give how many events there are."""
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        connection.execute("drop table bench.event_store cascade")
        connection.execute(
            "alter table evident.event_store disable trigger all;"
            "truncate evident.event_store restart identity;"
            "alter table evident.event_store enable always trigger event_store_history;"
            "alter table evident.event_store enable always trigger"
            " event_store_history_rows"
        )
        build_read_model(connection)
        return fill_orders(connection, events)


def rebuild_workloads(bench: Bench) -> list[Workload]:
    """Return the workload of `evident bench rebuild`; reading, folding and writing
    row by row is the reference.
    """
    return [_workload(replace(bench, events=_prepare(bench, bench.events)))]


def _workload(bench: Bench) -> Workload:
    return Workload(
        f"one read model from {bench.events:,} events, 1 connection",
        "events/s",
        [
            Candidate(
                "row by row: read, fold, write",
                "one transaction, no checkpoint, nobody appends",
                _timed(bench, _call("bench.fold_each"), HAND),
            ),
            Candidate(
                "row by row: a statement per event",
                "the same, by a handler written for this read model",
                _timed(bench, _call("bench.handle_each"), HAND),
            ),
            Candidate(
                f"run_projection, {_LIMIT:,} a time",
                "a checkpoint with each transaction; appends go on",
                _timed(bench, _catch_up, MODEL, mode="async"),
                _BUDGETS,
            ),
            Candidate(
                "rebuild_projection, all rows",
                "readers and appends go on; only rows that differ are written",
                _timed(bench, _rebuild, MODEL, mode="sync"),
                _BUDGETS,
            ),
            Candidate(
                "rebuild_projection, no rows",
                "the same, where nothing differs",
                _timed(bench, _rebuild, MODEL, mode="sync", full=True),
                _BUDGETS,
            ),
            Candidate(
                "verify_projection",
                "the rows that differ, in one snapshot",
                _timed(bench, _verify, MODEL, mode="sync", full=True),
                _BUDGETS,
            ),
        ],
    )


def _timed(
    bench: Bench,
    work: Callable[[_Connection], None],
    model: str,
    *,
    mode: str | None = None,
    full: bool = False,
) -> Callable[[], Sample]:
    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(bench.server.uri_for(database), autocommit=True) as connection,
        ):
            if mode is not None:
                register(connection, mode)
            if full:
                _rebuild(connection)
            checkpoint(bench)
            with connect(bench.server.uri_for(database), autocommit=True) as worker:
                with (
                    footprinted(bench, database, model) as growth,
                    metered(bench.server) as usage,
                ):
                    start = time.perf_counter()
                    work(worker)
                    spent = time.perf_counter() - start
                most = _memory(worker)
            bench.say(f"the backend's own memory was {most:,.0f} MB at most")
            is_right = count(connection, model) == bench.events // 3
            if mode is not None:
                is_right = is_right and drift(connection) == 0
        return Sample(
            operations=bench.events,
            seconds=spent,
            usage=usage,
            is_right=is_right,
            footprint=growth.per(bench.events),
        )

    return measure


def _call(procedure: str) -> Callable[[_Connection], None]:
    def work(connection: _Connection) -> None:
        connection.execute(f"call {procedure}()".encode())

    return work


def _catch_up(connection: _Connection) -> None:
    statement = "select evident.run_projection(%s, %s)"
    while True:
        row = connection.execute(statement, (MODEL, _LIMIT)).fetchone()
        if row is None or not row[0]:
            return


def _rebuild(connection: _Connection) -> None:
    connection.execute("select evident.rebuild_projection(%s)", (MODEL,))


def _verify(connection: _Connection) -> None:
    drift(connection)


def _memory(connection: _Connection) -> float:
    """Return the most memory, in MB, that the connection's backend ever had.

    Shared buffers that it touched are included, as the kernel counts them.
    """
    status = Path(f"/proc/{connection.info.backend_pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
