"""Measure appends of one event per transaction, with pgbench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from pg_evident.bench.measure.footprint import footprinted
from pg_evident.bench.measure.pgbench import pgbench
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.payloads import order
from pg_evident.bench.stage.schema import (
    EVENT_TYPE,
    PAYLOAD,
    STORE,
    TWIN,
    count,
    has_dense_versions,
)
from pg_evident.bench.stage.server import Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Budget, Candidate, Sample, Workload
from pg_evident.database import connect

_WARM_UP = 100  # transactions per client

Connection = psycopg.Connection[Any]

NEW = "gen_random_uuid()"
# Each client has an aggregate of its own, and another one while warming up.
OWN = "md5(:run::text || '/' || :client_id::text)::uuid"

RAW = (
    "insert into bench.event_store (aggregate_id, version, event_type, payload)"
    " values ({aggregate}, {version}::integer + 1, :event_type, :payload);"
)
_ARTICLE = (
    "select bench.append_event({aggregate}, :event_type, :payload, {version}::integer);"
)
EVIDENT = (
    "select evident.append_event({aggregate}, :event_type, :payload,"
    " {version}::integer);"
)


@dataclass(frozen=True)
class Way:
    """One way to append: a pgbench command and the table that it fills."""

    name: str
    command: str
    table: str
    gives: str
    budgets: tuple[Budget, ...] = ()


WAYS = (
    Way(
        "raw INSERT",
        RAW,
        TWIN,
        "unique versions; gaps possible, readers skip late commits",
    ),
    Way(
        "the article's function",
        _ARTICLE,
        TWIN,
        "a check that two writers can both pass: only this table's key stops the"
        " second; readers skip late commits",
    ),
    Way(
        "evident.append_event",
        EVIDENT,
        STORE,
        "exact version or PT409, no gaps, checked arguments, writers without rights"
        " on the table, readers skip nothing",
        (Budget(0.80), Budget(1.00, of="the article's function")),
    ),
)

# The limit, and what is promised beside it.
PAIR = tuple(way for way in WAYS if way.command in (RAW, EVIDENT))


def append_workloads(bench: Bench) -> list[Workload]:
    """Return the workloads of `evident bench append`; raw INSERT is the reference."""
    connections = f"{bench.clients} connections"
    by_payload = [
        replace(
            _workload(
                bench,
                f"append: new aggregates, payloads of {size:,} bytes, {connections}",
                NEW,
                "0",
                order(size),
            ),
            axis=("bytes of payload", size),
        )
        for size in bench.options.payloads
    ]
    known = _workload(
        bench, f"append: known versions, {connections}", OWN, ":v", PAYLOAD
    )
    return [*by_payload, known]


def _workload(
    bench: Bench, title: str, aggregate: str, version: str, payload: str
) -> Workload:
    candidates = []
    for way in WAYS:
        command = way.command.format(aggregate=aggregate, version=version)
        measure = single_appends(
            bench, command, way.table, clients=bench.clients, payload=payload
        )
        candidates.append(Candidate(way.name, way.gives, measure, way.budgets))
    return Workload(title, "events/s", candidates)


def single_appends(
    bench: Bench,
    command: str,
    table: str,
    *,
    clients: int,
    event_type: str = EVENT_TYPE,
    payload: str = PAYLOAD,
    also: tuple[str, ...] = (),
    is_right: Callable[[Connection], bool] | None = None,
) -> Callable[[], Sample]:
    """Return a run of a pgbench command that appends one event to `table`.

    `also` are tables that it writes to besides, whose bytes count. `is_right` looks
    at the database afterwards; without it versions must be dense.
    """

    def check(connection: Connection) -> bool:
        if is_right is None:
            return has_dense_versions(connection, table)
        return is_right(connection)

    # The version is counted by each client for itself.
    script = f"{command}\n\\set v :v + 1\n"
    variables: dict[str, str | int] = {
        "v": 0,
        "event_type": event_type,
        "payload": payload,
    }

    def measure() -> Sample:
        with fresh_database(bench) as database:
            pgbench(
                bench,
                database,
                script,
                clients=clients,
                variables={**variables, "run": 0},
                transactions=_WARM_UP,
            )
            with connect(bench.server.uri_for(database), autocommit=True) as connection:
                before = count(connection, table)
            checkpoint(bench)
            with (
                footprinted(bench, database, table, *also) as growth,
                metered(bench.server) as usage,
            ):
                outcome = pgbench(
                    bench,
                    database,
                    script,
                    clients=clients,
                    variables={**variables, "run": 1},
                )
            with connect(bench.server.uri_for(database), autocommit=True) as connection:
                written = count(connection, table) - before
                is_whole = check(connection)
        return Sample(
            operations=outcome.transactions,
            seconds=outcome.transactions / outcome.rate,
            usage=usage,
            failures=outcome.aborted,
            is_right=is_whole and written == outcome.transactions,
            footprint=growth.per(outcome.transactions),
            latencies=outcome.latencies,
        )

    return measure
