"""Measure whether appends and reads stay as quick when the store grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from harness.bench.growth_reads import read_workloads
from harness.bench.pgbench import pgbench
from harness.bench.processors import metered
from harness.bench.read_model import PAID
from harness.bench.rounds import Budget, Candidate, Sample, Say, Workload
from harness.bench.schema import PAYLOAD, STORE, TWIN
from harness.bench.server import Bench, checkpoint
from harness.bench.stores import Store, fill_stores, writable
from harness.bench.tables import (
    count_after,
    footprint,
    has_dense_versions_after,
    marks,
)
from harness.database import Failure, connect

# A run is a number of appends, not of seconds: what a checkpoint makes it write to
# the log again, a page at a time, is shared by as many appends at every size.
_APPENDS = 4000  # for each of the bench's seconds
_WARM_UP = 100  # transactions per client

_NEW = "gen_random_uuid()"
# Client by client and round by round each aggregate has its turn, and so its version
# is known. Their order in the index is that of the hashes: any page may be next.
_TURN = (
    "\\set number (:k % :each) * :clients + :client_id\n\\set v :base + :k / :each\n"
)
_EXISTING = "md5('filled/' || :number::text)::uuid"

_RAW = (
    "insert into bench.event_store (aggregate_id, version, event_type, payload)"
    " values ({aggregate}, {version}::integer + 1, :event_type, :payload);"
)
_EVIDENT = (
    "select evident.append_event({aggregate}, :event_type, :payload,"
    " {version}::integer);"
)
_WAYS = (
    ("evident.append_event", _EVIDENT, STORE, "exact version or PT409, no gaps"),
    ("raw INSERT", _RAW, TWIN, "what of this growth is PostgreSQL's own"),
)


def growth_workloads(
    bench: Bench, sizes: Sequence[int], say: Say
) -> Iterator[Workload]:
    """Give the workloads of `evident bench growth`; the smallest size is the reference.

    The template database must hold a single event.
    """
    least = 100 * bench.clients
    for size in sizes:
        if size < least or size % 100:
            raise Failure(
                f"no size for a store: {size:,}",
                f"take a multiple of 100 from {least:,} on: each connection appends to"
                " aggregates of its own, which have 100 events each",
            )
    stores = fill_stores(bench, sorted(set(sizes)), say)
    for table, gives in (
        (STORE, "the store as it grew"),
        (TWIN, "the equal table"),
    ):
        yield Workload(
            f"growth: filling {table} by insert ... select, once",
            "events/s",
            [Candidate(_name(store), gives, _filled(store, table)) for store in stores],
        )
    for title, script, aggregate, version in (
        ("new aggregates", "", _NEW, "0"),
        ("known versions over all aggregates", _TURN, _EXISTING, ":v"),
    ):
        for way, command, table, gives in _WAYS:
            text = script + command.format(aggregate=aggregate, version=version)
            yield Workload(
                f"growth: {way}, {title}, {bench.clients} connections",
                "events/s",
                [
                    Candidate(
                        _name(store),
                        gives,
                        _appends(bench, store, text, table, Counter()),
                        budgets=_flat(store, stores) if table == STORE else (),
                    )
                    for store in stores
                ],
            )
    yield from read_workloads(bench, stores)


def _name(store: Store) -> str:
    return f"{store.events:,} events"


def _flat(store: Store, stores: Sequence[Store]) -> Sequence[Budget]:
    return () if store is stores[0] else (Budget(at_least=0.8),)


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
            before = marks(connection, table)
            with metered(bench.server) as usage:
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
            after = marks(connection, table)
            written = count_after(connection, table, before.id)
            is_right = has_dense_versions_after(connection, table, before.id)
        done[database] += transactions
        return Sample(
            operations=outcome.transactions,
            seconds=outcome.transactions / outcome.rate,
            usage=usage,
            failures=outcome.aborted,
            is_right=is_right and written == transactions * bench.clients,
            footprint=footprint(before, after, outcome.transactions),
        )

    def measure() -> Sample:
        with writable(bench, store) as database:
            if database != store.database:
                done.clear()
            run(database, _WARM_UP)
            checkpoint(bench)
            return run(database, count)

    return measure
