"""Seal a measured database, time what goes over all of its events, and count."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.server import Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Candidate, Sample
from pg_evident.database import connect

SEAL = "select evident.seal()"
VERIFY = "select count(*) from evident.verify_ledger()"

_HASH = "select count(evident.leaf_hash(e)) from evident.event_store as e"
_FULL = 100_000  # events that one call seals

_Connection = psycopg.Connection[Any]


def hashing(bench: Bench) -> Candidate:
    """Return the reference: one statement that only hashes the same rows."""
    return Candidate(
        "leaf hashes only",
        "one bare statement; nothing is stored",
        over_all(bench, lambda connection: number(connection, _HASH)),
    )


def over_all(bench: Bench, work: Callable[[_Connection], int]) -> Callable[[], Sample]:
    """Return a run of `work` over all events, which must give their number."""

    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(bench.server.uri_for(database), autocommit=True) as connection,
        ):
            # All on one processor.
            connection.execute("set max_parallel_workers_per_gather = 0")
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


def seal_all(connection: _Connection) -> int:
    """Seal what is there now, and give how many events that were.

    The seal's own event about the guards is left for the next one.
    """
    sealed = 0
    while count := number(connection, SEAL):
        sealed += count
        if count < _FULL:
            break
    return sealed


def is_sealed_well(connection: _Connection) -> bool:
    """Seal the rest; say whether the ledger is what its events make it."""
    while number(connection, SEAL):
        pass
    return number(connection, VERIFY) == 0


def number(connection: _Connection, query: str, *values: object) -> int:
    """Return the one number that a query gives."""
    row = connection.execute(query.encode(), values or None).fetchone()
    assert row is not None
    return int(row[0])
