"""The verbs of `evident bench`, in the order in which `all` runs them.

To add one: a function that gives workloads for a bench, and its entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.bench.append import append_workloads
from harness.bench.batch import batch_workloads
from harness.bench.contention import contention_workloads
from harness.bench.feed import feed_workloads
from harness.bench.ledger import ledger_workloads
from harness.bench.options import Numbers
from harness.bench.peers import peer_workloads
from harness.bench.projection import projection_workloads
from harness.bench.rebuild import rebuild_workloads
from harness.bench.rounds import Workload
from harness.bench.server import Bench


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
        {"rounds": 7, "seconds": 4, "clients": 16, "events": 10_000},
    ),
    Verb(
        "batch",
        "1,000 events per transaction: append_events, append_batch, COPY, INSERT.",
        batch_workloads,
        {"rounds": 7, "seconds": 4, "events": 10_000},
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
        "ledger",
        "The ledger: seal, verify, proofs, appends beside the sealer, offline verify.",
        ledger_workloads,
        {"rounds": 5, "seconds": 4, "clients": 16, "events": 100_000},
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
        # It fetches packages.
        in_all=False,
    ),
)
