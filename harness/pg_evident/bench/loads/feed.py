"""Measure reads: feed pages and aggregates, each beside the bare SELECT."""

from __future__ import annotations

from collections.abc import Iterator

from pg_evident.bench.loads.reads import (
    BARE_AGGREGATE,
    BARE_PAGE,
    FEED_PAGE,
    PAGE,
    READ_AGGREGATE,
    reader,
)
from pg_evident.bench.stage.schema import aggregates
from pg_evident.bench.stage.server import Bench, fresh_database
from pg_evident.bench.terms import Budget, Candidate, Workload

_CHOOSE_PAGE = f"\\set after {PAGE} * random(0, :pages - 1)\n"


def feed_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench feed`; a bare SELECT is the reference."""
    with fresh_database(bench) as database:
        yield from _workloads(bench, database)


def _workloads(bench: Bench, database: str) -> list[Workload]:
    variables = {
        "pages": max(1, bench.events // PAGE),
        "aggregates": aggregates(bench.events),
    }
    per_aggregate = bench.events // aggregates(bench.events)

    def candidate(name: str, gives: str, script: str, *budgets: Budget) -> Candidate:
        measure = reader(bench, database, script, variables)
        return Candidate(name, gives, measure, budgets)

    return [
        Workload(
            f"feed: pages of {PAGE:,} over {bench.events:,} events, 1 connection",
            "pages/s",
            [
                candidate(
                    "bare SELECT",
                    "skips events that commit late",
                    _CHOOSE_PAGE + BARE_PAGE,
                ),
                candidate(
                    "evident.read_feed",
                    "never skips an event",
                    _CHOOSE_PAGE + FEED_PAGE,
                    Budget(0.90),
                ),
            ],
        ),
        Workload(
            f"aggregate: all {per_aggregate:,} events of one, 1 connection",
            "aggregates/s",
            [
                candidate(
                    "bare SELECT",
                    "the events by version",
                    BARE_AGGREGATE,
                ),
                candidate(
                    "evident.read_aggregate",
                    "the events by version",
                    READ_AGGREGATE,
                    Budget(0.90),
                ),
            ],
        ),
    ]
