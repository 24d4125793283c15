"""Measure candidates by turns, so that what slows the machine slows all of them."""

from __future__ import annotations

from pg_evident.bench.measure.processors import wait_for_calm
from pg_evident.bench.terms import Result, Sample, Say, Series, Workload

_ATTEMPTS = 4


def alternate(workload: Workload, *, rounds: int, calm: float, say: Say) -> Result:
    """Run every candidate once per round, each round starting with another one.

    With `calm` below 1 each run waits until other programs take no more than that
    part of the processors, and is made again, three times at most, when they did;
    the least disturbed one counts.
    """
    series = [Series(candidate) for candidate in workload.candidates]
    for number in range(rounds):
        first = number % len(series)
        for each in series[first:] + series[:first]:
            attempts: list[Sample] = []
            while len(attempts) < _ATTEMPTS:
                if calm < 1:
                    wait_for_calm(calm)
                sample = each.candidate.measure()
                attempts.append(sample)
                say(
                    f"{workload.title}, round {number + 1} of {rounds}:"
                    f" {each.candidate.name} {sample.rate:,.0f} {workload.unit}"
                    f" (others took {sample.usage.others:.0%} of the processors)"
                )
                if sample.usage.others <= calm:
                    break
            each.samples.append(min(attempts, key=lambda made: made.usage.others))
    return Result(workload, series)
