"""Measure whether appends and reads stay as quick when the store grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from pg_evident.bench.loads.append import NEW, PAIR
from pg_evident.bench.loads.growth_reads import read_workloads
from pg_evident.bench.loads.stores import Store, changed_settings, fill_stores, writable
from pg_evident.bench.measure.footprint import footprinted
from pg_evident.bench.measure.pgbench import pgbench
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.measure.tables import (
    count_after,
    has_dense_versions_after,
    last_id,
)
from pg_evident.bench.stage.read_model import PAID
from pg_evident.bench.stage.schema import FILLED, PAYLOAD, STORE, TWIN
from pg_evident.bench.stage.server import Bench, checkpoint
from pg_evident.bench.terms import Budget, Sample, Workload
from pg_evident.database import connect
from pg_evident.failure import Failure

# A run is a number of appends, not of seconds: what a checkpoint makes it write to
# the log again, a page at a time, is shared by as many appends at every size.
_APPENDS = 4000  # for each of the bench's seconds
_WARM_UP = 100  # transactions per client

# Client by client and round by round each aggregate has its turn, and so its version
# is known. Their order in the index is that of the hashes: any page may be next.
_TURN = (
    "\\set number (:k % :each) * :clients + :client_id\n\\set v :base + :k / :each\n"
)

_FLAT = 0.8  # of the rate: at most 1.25 times the cost
_GROWN = "without full page writes meanwhile; the log with vacuum (freeze)"
_OURS = "exact version or PT409, no gaps"
_THEIRS = "what of this growth is PostgreSQL's own"


def growth_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench growth`; the smallest size is the reference.

    The template database must hold a single event.
    """
    sizes = sorted(set(bench.options.sizes))
    least = 100 * bench.clients
    for size in sizes:
        if size < least or size % 100:
            raise Failure(
                f"no size for a store: {size:,}",
                f"take a multiple of 100 from {least:,} on: each connection appends to"
                " aggregates of its own, which have 100 events each",
            )
    stores = fill_stores(bench, sizes)
    yield Workload(
        "growth: filling by insert ... select, once, by events stored",
        "events/s",
        [
            store.candidate(name, _GROWN, _filled(store, table))
            for name, table in (("raw INSERT", TWIN), ("evident.event_store", STORE))
            for store in stores
        ],
    )
    yield _append_workload(bench, stores, "new aggregates", NEW, "0")
    title = "known versions over all aggregates"
    yield _append_workload(bench, stores, title, FILLED, ":v", _TURN)
    # What is left when no page goes to the log as a whole. Long after a checkpoint
    # most appends are like this, and right after it like those before.
    title += ", full_page_writes off"
    with (
        connect(bench.server.uri, autocommit=True) as server,
        changed_settings(server, {"full_page_writes": "off"}),
    ):
        yield _append_workload(bench, stores, title, FILLED, ":v", _TURN)
    yield from read_workloads(bench, stores)


def _append_workload(
    bench: Bench,
    stores: Sequence[Store],
    title: str,
    aggregate: str,
    version: str,
    script: str = "",
) -> Workload:
    candidates = []
    for way in PAIR:
        command = way.command.format(aggregate=aggregate, version=version)
        flat = [Budget(_FLAT, of=stores[0].named(way.name))]
        is_ours = way.table == STORE
        candidates += [
            store.candidate(
                way.name,
                _OURS if is_ours else _THEIRS,
                _appends(bench, store, script + command, way.table),
                flat if is_ours and store is not stores[0] else [],
            )
            for store in stores
        ]
    title = f"growth: {title}, {bench.clients} connections, by events stored"
    return Workload(title, "events/s", candidates)


def _filled(store: Store, table: str) -> Callable[[], Sample]:
    filling = store.fillings[table]
    return lambda: Sample(
        operations=store.events,
        seconds=filling.seconds,
        usage=filling.usage,
        is_right=True,
        footprint=filling.footprint,
    )


def _appends(
    bench: Bench, store: Store, script: str, table: str
) -> Callable[[], Sample]:
    # The smallest store is doubled at most.
    most = min(_APPENDS * bench.seconds, min(bench.options.sizes))
    count = most // bench.clients

    def run(database: str, transactions: int, turns: Counter[str]) -> Sample:
        with connect(bench.server.uri_for(database), autocommit=True) as connection:
            before = last_id(connection, table)
            with (
                footprinted(bench, database, table) as growth,
                metered(bench.server) as usage,
            ):
                outcome = pgbench(
                    bench,
                    database,
                    f"{script}\n\\set k :k + 1\n",
                    clients=bench.clients,
                    variables={
                        "k": turns[script],
                        "each": store.aggregates // bench.clients,
                        "base": store.events // store.aggregates,
                        "clients": bench.clients,
                        "event_type": PAID,
                        "payload": PAYLOAD,
                    },
                    transactions=transactions,
                )
            written = count_after(connection, table, before)
            is_right = has_dense_versions_after(connection, table, before)
        turns[script] += transactions
        return Sample(
            operations=outcome.transactions,
            seconds=outcome.transactions / outcome.rate,
            usage=usage,
            failures=outcome.aborted,
            is_right=is_right and written == transactions * bench.clients,
            footprint=growth.per(outcome.transactions),
            latencies=outcome.latencies,
        )

    def measure() -> Sample:
        with writable(bench, store) as (database, turns):
            run(database, _WARM_UP, turns)
            checkpoint(bench)
            return run(database, count, turns)

    return measure
