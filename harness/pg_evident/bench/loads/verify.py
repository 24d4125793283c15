"""Measure verify_ledger and proofs over a sealed store, and the offline verifier."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from pg_evident.bench.loads.offline import offline_workload
from pg_evident.bench.loads.sealing import VERIFY, hashing, number, over_all, seal_all
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.server import TEMPLATE, Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Budget, Candidate, Sample, Workload
from pg_evident.database import connect

_SMALL = 10_000  # leaves of the smaller tree for proofs

_PROOF = "select count(*) from evident.inclusion_proof(%s, %s)"
_SAMPLE = """
    select e.event_id from evident.event_store as e where e.id <= %s
    order by md5(e.event_id::text) limit 1000
"""
_LEAVES = "select h.leaves from evident.ledger_status as h"


def verify_workloads(bench: Bench) -> Iterator[Workload]:
    """Give the workloads of `evident bench verify`, each with its own reference.

    The events in the template database are sealed first.
    """
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        seal_all(connection)
    yield Workload(
        f"verify: {bench.events:,} events, 1 connection",
        "events/s",
        [
            hashing(bench),
            Candidate(
                "verify_ledger",
                "every leaf, tile and tree head again",
                over_all(bench, _verify),
                [Budget(0.5)],
            ),
        ],
    )
    yield _proofs(bench)
    yield from offline_workload(bench)


def _proofs(bench: Bench) -> Workload:
    sizes = sorted({min(_SMALL, bench.events), bench.events})
    return Workload(
        "verify: proofs, 1 connection",
        "proofs/s",
        [
            Candidate(
                f"inclusion_proof, {size:,} leaves",
                "the path from any leaf to the root",
                _proving(bench, size),
                axis=("leaves", size),
            )
            for size in sizes
        ],
    )


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


def _verify(connection: psycopg.Connection[Any]) -> int:
    problems = number(connection, VERIFY)
    return number(connection, _LEAVES) - problems
