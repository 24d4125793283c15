"""Measure whether appends and reads stay as quick when the store grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from harness.bench.append import EVIDENT, NEW, RAW, WAYS
from harness.bench.footprint import footprinted
from harness.bench.growth_reads import read_workloads
from harness.bench.pgbench import pgbench
from harness.bench.processors import metered
from harness.bench.read_model import PAID
from harness.bench.rounds import Sample, Workload
from harness.bench.schema import PAYLOAD, STORE, TWIN
from harness.bench.server import Bench, checkpoint
from harness.bench.stores import Store, fill_stores, writable
from harness.bench.tables import count_after, has_dense_versions_after, last_id
from harness.database import Failure, connect

# A run is a number of appends, not of seconds: what a checkpoint makes it write to
# the log again, a page at a time, is shared by as many appends at every size.
_APPENDS = 4000  # for each of the bench's seconds
_WARM_UP = 100  # transactions per client

# Client by client and round by round each aggregate has its turn, and so its version
# is known. Their order in the index is that of the hashes: any page may be next.
_TURN = (
    "\\set number (:k % :each) * :clients + :client_id\n\\set v :base + :k / :each\n"
)
_EXISTING = "md5('filled/' || :number::text)::uuid"

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
    for table in (STORE, TWIN):
        yield Workload(
            f"growth: filling {table} by insert ... select, once",
            "events/s",
            [store.candidate(_GROWN, _filled(store, table)) for store in stores],
        )
    for title, script, aggregate, version in (
        ("new aggregates", "", NEW, "0"),
        ("known versions over all aggregates", _TURN, _EXISTING, ":v"),
    ):
        for way in WAYS:
            if way.command not in (RAW, EVIDENT):
                continue
            command = way.command.format(aggregate=aggregate, version=version)
            yield Workload(
                f"growth: {way.name}, {title}, {bench.clients} connections",
                "events/s",
                [
                    store.candidate(
                        _OURS if way.table == STORE else _THEIRS,
                        _appends(bench, store, script + command, way.table, Counter()),
                        is_flat=way.table == STORE and store is not stores[0],
                    )
                    for store in stores
                ],
            )
    yield from read_workloads(bench, stores)


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
    bench: Bench, store: Store, script: str, table: str, done: Counter[str]
) -> Callable[[], Sample]:
    """Return a run of appends; `done` counts each client's, where the store stays."""
    count = max(1, _APPENDS * bench.seconds // bench.clients)

    def run(database: str, transactions: int) -> Sample:
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
                        "k": done[database],
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
        done[database] += transactions
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
        with writable(bench, store) as database:
            if database != store.database:
                done.clear()
            run(database, _WARM_UP)
            checkpoint(bench)
            return run(database, count)

    return measure
