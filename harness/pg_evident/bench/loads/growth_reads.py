"""Measure reads of stores of several sizes: a page, an aggregate, a key's row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from pg_evident.bench.loads.reads import (
    ANY_AGGREGATE,
    BARE_AGGREGATE,
    BARE_PAGE,
    FEED_PAGE,
    PAGE,
    READ_AGGREGATE,
    reader,
)
from pg_evident.bench.loads.stores import Store
from pg_evident.bench.stage.read_model import MODEL
from pg_evident.bench.stage.schema import FILLED
from pg_evident.bench.stage.server import Bench
from pg_evident.bench.terms import Budget, Candidate, Workload
from pg_evident.database import connect

_ANY_PLACE = f"\\set after random(0, greatest(0, :events - {PAGE}))\n"
_VERIFY = (
    f"{ANY_AGGREGATE}select count(*)"
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
        (
            "any 1,000 events of the feed",
            "pages/s",
            _ANY_PLACE + BARE_PAGE,
            "read_feed",
            _ANY_PLACE + FEED_PAGE,
        ),
        (
            "all events of any aggregate",
            "aggregates/s",
            BARE_AGGREGATE,
            "read_aggregate",
            READ_AGGREGATE,
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
            reader(
                bench,
                store.database,
                script,
                {"events": store.events, "aggregates": store.aggregates},
                partial(_is_kept, bench, store) if script is _VERIFY else None,
            ),
            (
                []
                if is_bare or script is _VERIFY
                else [Budget(_NEARLY, of=store.named("bare SELECT"))]
            ),
        )
        for store in stores
    ]


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
