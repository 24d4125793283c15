"""Read how long each transaction took from the logs that pgbench writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from pg_evident.bench.terms import Latencies

# Evenly in nines, so that rare waits show: 0 %, 90 %, 99 %, 99.9 %, 99.99 %.
NINES = tuple(step / 40 for step in range(161))
PERCENTILES = tuple(100 * (1 - 10**-nines) for nines in NINES)

_TIME = 2  # the column with the microseconds


def read_logs(files: Iterable[Path]) -> list[int]:
    """Return the microseconds of each transaction that pgbench logged, sorted."""
    taken: list[int] = []
    for file in files:
        with file.open("rb") as lines:
            columns = (line.split(b" ", _TIME + 1)[_TIME] for line in lines)
            # Instead of a time, a failed transaction has a word.
            taken += [int(time) for time in columns if time.isdigit()]
    taken.sort()
    return taken


def summary(microseconds: Sequence[int]) -> Latencies | None:
    """Return the distribution of sorted times; None when there are none."""
    if not microseconds:
        return None

    def at(percent: float) -> float:
        # The nearest rank: a time that was measured, never one between two.
        rank = math.ceil(round(percent / 100 * len(microseconds), 6))
        return microseconds[max(0, rank - 1)] / 1000

    return Latencies(
        p50=at(50), p95=at(95), p99=at(99), points=tuple(map(at, PERCENTILES))
    )
