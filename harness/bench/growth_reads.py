"""Measure reads of stores of several sizes: a page, an aggregate, a key's check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.bench.pgbench import Outcome, pgbench
from harness.bench.processors import metered
from harness.bench.read_model import MODEL
from harness.bench.rounds import Budget, Candidate, Sample, Workload
from harness.bench.server import Bench, checkpoint
from harness.bench.stores import Store
from harness.database import connect

_PAGE = 1000  # events
_WARM_UP = 50  # transactions

_ANY_PLACE = f"\\set after random(0, greatest(0, :events - {_PAGE}))\n"
_ANY_AGGREGATE = "\\set number random(0, :aggregates - 1)\n"
_KEY = "md5('filled/' || :number::text)::uuid"

_FEED = f"{_ANY_PLACE}select e.* from evident.read_feed(:after, {_PAGE}) as e;\n"
_BARE_FEED = (
    f"{_ANY_PLACE}select e.* from evident.event_store as e where e.id > :after"
    f" order by e.id limit {_PAGE};\n"
)
_AGGREGATE = f"{_ANY_AGGREGATE}select e.* from evident.read_aggregate({_KEY}) as e;\n"
_BARE_AGGREGATE = (
    f"{_ANY_AGGREGATE}select e.* from evident.event_store as e"
    f" where e.aggregate_id = {_KEY} order by e.version;\n"
)
# What verify_projection does for all keys at once, for one: the row as stored beside
# the row as replayed, up to the projection's own position.
_SAME = (
    "select to_jsonb(t.*) = evident.project('{model}', {key}::text,"
    " p_until_position => {position}) from {model} as t where t.aggregate_id = {key}"
)
_VERIFY = (
    f"{_ANY_AGGREGATE}{_SAME.format(model=MODEL, key=_KEY, position=':position')};\n"
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
        "growth: a row of a projection, stored and replayed, 1 connection, by events"
        " stored",
        "rows/s",
        _candidates(bench, stores, "evident.project", _VERIFY),
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
            "position": _position(bench, store),
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


def _position(bench: Bench, store: Store) -> int:
    with connect(bench.server.uri_for(store.database), autocommit=True) as connection:
        row = connection.execute(
            "select s.position from evident.projection_status as s where s.name = %s",
            (MODEL,),
        ).fetchone()
    return int(row[0]) if row else 0


def _is_kept(bench: Bench, store: Store) -> bool:
    """Say whether some rows are what their events fold to."""
    key = "md5('filled/' || %(number)s::text)::uuid"
    query = _SAME.format(model=MODEL, key=key, position="%(position)s")
    step = max(1, store.aggregates // _SAMPLE)
    position = _position(bench, store)
    with connect(bench.server.uri_for(store.database), autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        found = [
            connection.execute(
                query.encode(), {"number": number, "position": position}
            ).fetchone()
            for number in range(0, store.aggregates, step)
        ]
    return all(row is not None and row[0] for row in found)
