"""Measure what happens when many connections append at once."""

from __future__ import annotations

from collections.abc import Iterator

from pg_evident.bench.loads.append import EVIDENT, NEW, PAIR, single_appends
from pg_evident.bench.loads.spread import spread_workloads
from pg_evident.bench.stage.schema import STORE
from pg_evident.bench.stage.server import Bench
from pg_evident.bench.terms import Candidate, Workload

_HOT = "md5('hot/' || :run::text)::uuid"


def contention_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench contention`, each with its own reference."""
    for clients in bench.options.connections:
        yield _by_connections(bench, clients)
    yield _hot(bench)
    yield from spread_workloads(bench)


def _by_connections(bench: Bench, clients: int) -> Workload:
    candidates = []
    for way in PAIR:
        command = way.command.format(aggregate=NEW, version="0")
        measure = single_appends(bench, command, way.table, clients=clients)
        candidates.append(Candidate(way.name, way.gives, measure))
    return Workload(
        f"contention: new aggregates, {_connections(clients)}",
        "events/s",
        candidates,
        axis=("connections", clients),
    )


def _hot(bench: Bench) -> Workload:
    """Return one aggregate for all, any version; one connection is the reference."""
    command = EVIDENT.format(aggregate=_HOT, version="null")
    candidates = [
        Candidate(
            _connections(clients),
            "the next version, whoever asks",
            single_appends(bench, command, STORE, clients=clients),
        )
        for clients in (1, bench.clients)
    ]
    return Workload("contention: one aggregate, version null", "events/s", candidates)


def _connections(clients: int) -> str:
    return f"{clients} connection{'s' if clients > 1 else ''}"
