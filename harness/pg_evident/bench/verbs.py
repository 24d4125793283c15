"""The verbs of `evident bench`, in the order in which `all` runs them.

To add one: a function that gives workloads for a bench, and its entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pg_evident.bench.loads.append import append_workloads
from pg_evident.bench.loads.batch import batch_workloads
from pg_evident.bench.loads.contention import contention_workloads
from pg_evident.bench.loads.feed import feed_workloads
from pg_evident.bench.loads.growth import growth_workloads
from pg_evident.bench.loads.mixed import mixed_workloads
from pg_evident.bench.loads.projection import projection_workloads
from pg_evident.bench.loads.rebuild import rebuild_workloads
from pg_evident.bench.loads.seal import seal_workloads
from pg_evident.bench.loads.settings import settings_workloads
from pg_evident.bench.loads.verify import verify_workloads
from pg_evident.bench.options import Numbers
from pg_evident.bench.peers.run import peer_workloads
from pg_evident.bench.stage.server import Bench
from pg_evident.bench.terms import Workload


@dataclass(frozen=True)
class Verb:
    """One verb: `options` are those that it takes, with its own defaults.

    `workloads` is called once, with a server of the verb's own, and each workload is
    measured before the next one is asked for: it may be a generator that prepares
    the database in between. `is_filled` says whether both event tables hold the
    option's `events` before that. `all` leaves a verb out that is not `in_all`.
    """

    name: str
    help: str
    workloads: Callable[[Bench], Iterable[Workload]]
    options: Mapping[str, Any]
    is_filled: bool = True
    in_all: bool = True


VERBS = (
    Verb(
        "append",
        "One event per transaction: append_event, raw INSERT, the article's function.",
        append_workloads,
        {
            "rounds": 7,
            "seconds": 4,
            "clients": 16,
            "payloads": Numbers((200, 2_000, 20_000)),
            "events": 10_000,
        },
    ),
    Verb(
        "batch",
        "Many events per transaction: append_events, append_batch, COPY, INSERT.",
        batch_workloads,
        {
            "rounds": 5,
            "seconds": 4,
            "per_call": Numbers((1, 10, 100, 1_000)),
            "events": 10_000,
        },
    ),
    Verb(
        "contention",
        "Appends by number of connections, and many to one aggregate.",
        contention_workloads,
        {
            "rounds": 5,
            "seconds": 4,
            "clients": 16,
            "connections": Numbers((1, 2, 4, 8, 16, 32, 64)),
            "events": 10_000,
        },
    ),
    Verb(
        "feed",
        "Reading: feed pages and whole aggregates beside the bare SELECT.",
        feed_workloads,
        {"rounds": 7, "seconds": 4, "events": 100_000},
    ),
    Verb(
        "projection",
        "Appends that keep a read model: the engine, and event and row by hand.",
        projection_workloads,
        {"rounds": 7, "seconds": 4, "clients": 16, "events": 10_000},
    ),
    Verb(
        "rebuild",
        "A read model from its log: rebuild, catch-up, drift check, row by row.",
        rebuild_workloads,
        {"rounds": 3, "events": 300_000},
        is_filled=False,
    ),
    Verb(
        "seal",
        "The ledger: seal beside plain hashing, appends beside the sealer.",
        seal_workloads,
        {"rounds": 5, "seconds": 8, "clients": 16, "events": 100_000},
    ),
    Verb(
        "verify",
        "The ledger: verify_ledger beside plain hashing, proofs, the offline verifier.",
        verify_workloads,
        {"rounds": 5, "seconds": 4, "events": 100_000},
    ),
    Verb(
        "mixed",
        "Reads and appends at once, followed by projections and a consumer; real"
        " orders.",
        mixed_workloads,
        {"rounds": 5, "seconds": 8, "clients": 16, "events": 100_000},
    ),
    Verb(
        "growth",
        "Appends and reads by the size of the store, up to 10,000,000 events.",
        growth_workloads,
        {
            "rounds": 3,
            "seconds": 4,
            "clients": 16,
            "sizes": Numbers((100_000, 1_000_000, 10_000_000)),
        },
        is_filled=False,
    ),
    Verb(
        "settings",
        "Appends under settings of the server that a DBA may think of.",
        settings_workloads,
        {"rounds": 5, "seconds": 4, "clients": 16, "events": 1_000_000},
        # It compares nothing with anybody, and takes its time.
        in_all=False,
    ),
    Verb(
        "peers",
        "One event per transaction: beside message-db, Emmett and eventsourcing.",
        peer_workloads,
        {
            "rounds": 7,
            "seconds": 4,
            "clients": 16,
            "events": 10_000,
            "only": None,
            "cache": None,
        },
    ),
)
