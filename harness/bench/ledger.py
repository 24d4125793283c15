"""Measure seal, verify_ledger and proofs, and appends while the ledger is sealed."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from harness.bench.append import single_appends
from harness.bench.processors import metered
from harness.bench.rounds import Budget, Candidate, Sample, Workload
from harness.bench.schema import STORE, has_dense_versions
from harness.bench.server import TEMPLATE, Bench, checkpoint, fresh_database
from harness.bench.verify import verify_workload
from harness.database import connect

_SMALL = 10_000  # leaves of the smaller tree for proofs
_PAUSE = 1.0  # seconds between two seals beside appends

_APPEND = "select evident.append_event(gen_random_uuid(), :event_type, :payload, 0);"
_HASH = "select count(evident.leaf_hash(e)) from evident.event_store as e"
_SEAL = "select evident.seal()"
_VERIFY = "select count(*) from evident.verify_ledger()"
_PROOF = "select count(*) from evident.inclusion_proof(%s, %s)"
_SAMPLE = """
    select e.event_id from evident.event_store as e where e.id <= %s
    order by md5(e.event_id::text) limit 1000
"""

_Connection = psycopg.Connection[Any]


def ledger_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench ledger`, each with its own reference.

    For all but the first one the events in the template database are sealed.
    """
    yield _sealing(bench)
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        seal_all(connection)
    yield _proofs(bench)
    yield _appends(bench)
    yield from verify_workload(bench)


def _sealing(bench: Bench) -> Workload:
    return Workload(
        f"ledger: {bench.events:,} events, 1 connection",
        "events/s",
        [
            Candidate(
                "leaf hashes only",
                "one bare statement; nothing is stored",
                _timed(bench, lambda connection: _number(connection, _HASH)),
            ),
            Candidate(
                "seal, 100,000 a call",
                "tiles, tree heads, the guards' state; appends go on",
                _timed(bench, seal_all),
                [Budget(0.6)],
            ),
            Candidate(
                "verify_ledger",
                "every leaf, tile and tree head again",
                _timed(bench, _verify, sealed=True),
                [Budget(0.5)],
            ),
        ],
    )


def _proofs(bench: Bench) -> Workload:
    sizes = sorted({min(_SMALL, bench.events), bench.events})
    return Workload(
        "inclusion_proof, 1 connection",
        "proofs/s",
        [
            Candidate(
                f"tree of {size:,} leaves",
                "the path from any leaf to the root",
                _proving(bench, size),
            )
            for size in sizes
        ],
    )


def _appends(bench: Bench) -> Workload:
    alone = single_appends(bench, _APPEND, STORE, clients=bench.clients)
    beside = single_appends(
        bench,
        _APPEND,
        STORE,
        clients=bench.clients,
        is_right=lambda connection: (
            has_dense_versions(connection, STORE) and _is_sealed(connection)
        ),
    )

    def measure() -> Sample:
        with _sealer(bench):
            return beside()

    return Workload(
        f"append beside the sealer: new aggregates, {bench.clients} connections",
        "events/s",
        [
            Candidate("append_event alone", "not sealed yet", alone),
            Candidate(
                f"append_event, seal every {_PAUSE:.0f} s",
                "sealed as they come",
                measure,
                [Budget(0.95)],
            ),
        ],
    )


def _timed(
    bench: Bench, work: Callable[[_Connection], int], *, sealed: bool = False
) -> Callable[[], Sample]:
    """Return a run of `work` over all events, which must give their number."""

    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(bench.server.uri_for(database), autocommit=True) as connection,
        ):
            # All three on one processor.
            connection.execute("set max_parallel_workers_per_gather = 0")
            if sealed:
                seal_all(connection)
            checkpoint(bench)
            with metered(bench.server) as usage:
                start = time.perf_counter()
                found = work(connection)
                spent = time.perf_counter() - start
        return Sample(
            operations=bench.events,
            seconds=spent,
            usage=usage,
            # The seal's own event about the guards may be sealed too.
            is_right=found >= bench.events,
        )

    return measure


def _proving(bench: Bench, size: int) -> Callable[[], Sample]:
    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(bench.server.uri_for(database), autocommit=True) as connection,
        ):
            events = [row[0] for row in connection.execute(_SAMPLE, [size])]
            checkpoint(bench)
            done = found = 0
            with metered(bench.server) as usage:
                start = time.perf_counter()
                for event in itertools.cycle(events):
                    row = connection.execute(_PROOF, (event, size)).fetchone()
                    found += row[0] if row else 0
                    done += 1
                    if time.perf_counter() - start >= bench.seconds:
                        break
                spent = time.perf_counter() - start
        return Sample(
            operations=done, seconds=spent, usage=usage, is_right=found == done
        )

    return measure


def seal_all(connection: _Connection) -> int:
    """Seal what is there now, and give how many events that were.

    The seal's own event about the guards is left for the next one.
    """
    sealed = 0
    while count := _number(connection, _SEAL):
        sealed += count
        if count < 100_000:
            break
    return sealed


def _verify(connection: _Connection) -> int:
    problems = _number(connection, _VERIFY)
    leaves = _number(connection, "select h.leaves from evident.ledger_status as h")
    return leaves - problems


def _is_sealed(connection: _Connection) -> bool:
    """Seal the rest; say whether nearly all was sealed before, and all is well."""
    left = _number(
        connection, "select s.unsealed_events from evident.ledger_status as s"
    )
    total = _number(connection, f"select count(*) from {STORE}")
    while _number(connection, _SEAL):
        pass
    return left < total and _number(connection, _VERIFY) == 0


@contextlib.contextmanager
def _sealer(bench: Bench) -> Iterator[None]:
    """Seal the running database, whichever it is, until the block ends."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(_PAUSE):
            # There is none between two runs, or it is being dropped.
            with (
                contextlib.suppress(psycopg.OperationalError),
                connect(bench.server.uri_for("bench_run"), autocommit=True) as sealer,
            ):
                while not stop.wait(_PAUSE):
                    _number(sealer, _SEAL)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _number(connection: _Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
