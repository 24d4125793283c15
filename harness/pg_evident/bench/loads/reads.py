"""What is read, by the bare SELECT and by Evident, and how a reader is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pg_evident.bench.measure.pgbench import Outcome, pgbench
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.schema import FILLED
from pg_evident.bench.stage.server import Bench, checkpoint
from pg_evident.bench.terms import Sample

PAGE = 1000  # events
_WARM_UP = 50  # transactions

BARE_PAGE = (
    "select e.* from evident.event_store as e where e.id > :after"
    f" order by e.id limit {PAGE};\n"
)
FEED_PAGE = f"select e.* from evident.read_feed(:after, {PAGE}) as e;\n"

ANY_AGGREGATE = "\\set number random(0, :aggregates - 1)\n"
BARE_AGGREGATE = (
    f"{ANY_AGGREGATE}select e.* from evident.event_store as e"
    f" where e.aggregate_id = {FILLED} order by e.version;\n"
)
READ_AGGREGATE = (
    f"{ANY_AGGREGATE}select e.* from evident.read_aggregate({FILLED}) as e;\n"
)


def reader(
    bench: Bench,
    database: str,
    script: str,
    variables: Mapping[str, str | int],
    is_right: Callable[[], bool] | None = None,
) -> Callable[[], Sample]:
    """Return a run of a script that only reads, over one connection.

    `is_right` looks at the database afterwards.
    """

    def run(transactions: int | None = None) -> Outcome:
        return pgbench(
            bench,
            database,
            script,
            clients=1,
            variables=variables,
            transactions=transactions,
        )

    def measure() -> Sample:
        run(_WARM_UP)
        checkpoint(bench)
        with metered(bench.server) as usage:
            outcome = run()
        return Sample(
            operations=outcome.transactions,
            seconds=outcome.transactions / outcome.rate,
            usage=usage,
            failures=outcome.aborted,
            is_right=None if is_right is None else is_right(),
            latencies=outcome.latencies,
        )

    return measure
