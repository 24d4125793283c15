"""Measure reads of stores of several sizes: a page, an aggregate, a key's row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.bench.pgbench import Outcome, pgbench
from harness.bench.processors import metered
from harness.bench.read_model import MODEL
from harness.bench.rounds import Budget, Candidate, Sample, Workload
from harness.bench.schema import FILLED
from harness.bench.server import Bench, checkpoint
from harness.bench.stores import Store
from harness.database import connect

_PAGE = 1000  # events
_WARM_UP = 50  # transactions

_ANY_PLACE = f"\\set after random(0, greatest(0, :events - {_PAGE}))\n"
_ANY_AGGREGATE = "\\set number random(0, :aggregates - 1)\n"

_FEED = f"{_ANY_PLACE}select e.* from evident.read_feed(:after, {_PAGE}) as e;\n"
_BARE_FEED = (
    f"{_ANY_PLACE}select e.* from evident.event_store as e where e.id > :after"
    f" order by e.id limit {_PAGE};\n"
)
_AGGREGATE = f"{_ANY_AGGREGATE}select e.* from evident.read_aggregate({FILLED}) as e;\n"
_BARE_AGGREGATE = (
    f"{_ANY_AGGREGATE}select e.* from evident.event_store as e"
    f" where e.aggregate_id = {FILLED} order by e.version;\n"
)
_VERIFY = (
    f"{_ANY_AGGREGATE}select count(*)"
    f" from evident.verify_projection('{MODEL}', {FILLED}::text);\n"
)
_SAMPLE = 20  # keys
_OURS = "the same at any size"
_NEARLY = 0.9
_THEIRS = "what of this growth is PostgreSQL's own"


def read_workloads(bench: Bench, stores: Sequence[Store]) -> Iterator[Workload]:
    """Give the workloads that read, each beside the bare SELECT on the same pages.

    How much of a large store is in memory is PostgreSQL's affair, so what is promised
    is what reads promise at any size: nearly the bare SELECT's rate.
    """
    for title, unit, bare, name, script in (
        ("any 1,000 events of the feed", "pages/s", _BARE_FEED, "read_feed", _FEED),
        (
            "all events of any aggregate",
            "aggregates/s",
            _BARE_AGGREGATE,
            "read_aggregate",
            _AGGREGATE,
        ),
    ):
        candidates = [
            *_candidates(bench, stores, "bare SELECT", bare),
            *_candidates(bench, stores, f"evident.{name}", script),
        ]
        yield Workload(
            f"growth: {title}, 1 connection, by events stored", unit, candidates
        )
    yield Workload(
        "growth: verify_projection of any key, 1 connection, by events stored",
        "keys/s",
        _candidates(bench, stores, "evident.verify_projection", _VERIFY),
    )


def _candidates(
    bench: Bench, stores: Sequence[Store], name: str, script: str
) -> list[Candidate]:
    is_bare = name == "bare SELECT"
    return [
        store.candidate(
            name,
            _THEIRS if is_bare else _OURS,
            _reader(bench, store, script, checks=script is _VERIFY),
            (
                []
                if is_bare or script is _VERIFY
                else [Budget(_NEARLY, of=store.named("bare SELECT"))]
            ),
        )
        for store in stores
    ]


def _reader(
    bench: Bench, store: Store, script: str, *, checks: bool
) -> Callable[[], Sample]:
    def measure() -> Sample:
        variables: dict[str, str | int] = {
            "events": store.events,
            "aggregates": store.aggregates,
        }

        def run(transactions: int | None = None) -> Outcome:
            return pgbench(
                bench,
                store.database,
                script,
                clients=1,
                variables=variables,
                transactions=transactions,
            )

        run(_WARM_UP)
        checkpoint(bench)
        with metered(bench.server) as usage:
            outcome = run()
        return Sample(
            operations=outcome.transactions,
            seconds=outcome.transactions / outcome.rate,
            usage=usage,
            failures=outcome.aborted,
            is_right=_is_kept(bench, store) if checks else None,
            latencies=outcome.latencies,
        )

    return measure


def _is_kept(bench: Bench, store: Store) -> bool:
    """Say whether some rows are there, and what their events fold to."""
    step = max(1, store.aggregates // _SAMPLE)
    query = f"""
        select
            (select count(*) from {MODEL} as t where t.aggregate_id = k.key) = 1
            and not exists (
                select from evident.verify_projection('{MODEL}', k.key::text)
            )
        from (select md5('filled/' || %s::text)::uuid as key) as k
    """
    with connect(bench.server.uri_for(store.database), autocommit=True) as connection:
        found = [
            connection.execute(query.encode(), [number]).fetchone()
            for number in range(0, store.aggregates, step)
        ]
    return all(row is not None and row[0] for row in found)
