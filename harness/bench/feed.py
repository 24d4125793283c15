"""Measure reads: feed pages and aggregates, each beside the bare SELECT."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from harness.bench.pgbench import pgbench
from harness.bench.processors import metered
from harness.bench.rounds import Budget, Candidate, Sample, Workload
from harness.bench.schema import FILLED, aggregates
from harness.bench.server import Bench, checkpoint, fresh_database

_PAGE = 1000  # events
_WARM_UP = 50  # transactions

_CHOOSE_PAGE = f"\\set after {_PAGE} * random(0, :pages - 1)\n"
_CHOOSE_AGGREGATE = "\\set number random(0, :aggregates - 1)\n"

_BARE_PAGE = (
    "select e.* from evident.event_store as e where e.id > :after"
    f" order by e.id limit {_PAGE};\n"
)
_FEED_PAGE = f"select e.* from evident.read_feed(:after, {_PAGE}) as e;\n"
_BARE_AGGREGATE = (
    "select e.* from evident.event_store as e"
    f" where e.aggregate_id = {FILLED} order by e.version;\n"
)
_READ_AGGREGATE = f"select e.* from evident.read_aggregate({FILLED}) as e;\n"


def feed_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench feed`; a bare SELECT is the reference."""
    with fresh_database(bench) as database:
        yield from _workloads(bench, database)


def _workloads(bench: Bench, database: str) -> list[Workload]:
    variables = {
        "pages": max(1, bench.events // _PAGE),
        "aggregates": aggregates(bench.events),
    }
    per_aggregate = bench.events // aggregates(bench.events)

    def candidate(name: str, gives: str, script: str, *budgets: Budget) -> Candidate:
        measure = _reader(bench, database, script, variables)
        return Candidate(name, gives, measure, budgets)

    return [
        Workload(
            f"feed: pages of {_PAGE:,} over {bench.events:,} events, 1 connection",
            "pages/s",
            [
                candidate(
                    "bare SELECT",
                    "skips events that commit late",
                    _CHOOSE_PAGE + _BARE_PAGE,
                ),
                candidate(
                    "evident.read_feed",
                    "never skips an event",
                    _CHOOSE_PAGE + _FEED_PAGE,
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
                    _CHOOSE_AGGREGATE + _BARE_AGGREGATE,
                ),
                candidate(
                    "evident.read_aggregate",
                    "the events by version",
                    _CHOOSE_AGGREGATE + _READ_AGGREGATE,
                    Budget(0.90),
                ),
            ],
        ),
    ]


def _reader(
    bench: Bench, database: str, script: str, variables: Mapping[str, str | int]
) -> Callable[[], Sample]:
    def measure() -> Sample:
        pgbench(
            bench,
            database,
            script,
            clients=1,
            variables=variables,
            transactions=_WARM_UP,
        )
        checkpoint(bench)
        with metered(bench.server) as usage:
            outcome = pgbench(bench, database, script, clients=1, variables=variables)
        return Sample(
            operations=outcome.transactions,
            seconds=outcome.transactions / outcome.rate,
            usage=usage,
            failures=outcome.aborted,
            latencies=outcome.latencies,
        )

    return measure
