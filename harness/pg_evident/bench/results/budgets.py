"""Judge what was measured by what the candidates promise."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pg_evident.bench.terms import Budget, Result, Series


@dataclass(frozen=True)
class Verdict:
    """One promise and what came of it: ratios of rates, one per round."""

    workload: str
    candidate: str
    of: str
    at_least: float
    ratios: tuple[float, ...]
    is_sound: bool

    @property
    def ratio(self) -> float:
        """Return the median ratio."""
        return statistics.median(self.ratios)

    @property
    def is_met(self) -> bool:
        """Say whether the promise was kept, by runs that did what they should."""
        return self.is_sound and self.ratio >= self.at_least

    @property
    def word(self) -> str:
        """Return the verdict in one word."""
        if not self.is_sound:
            return "WRONG"
        return "met" if self.is_met else "MISSED"

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON object."""
        return {
            "workload": self.workload,
            "candidate": self.candidate,
            "of": self.of,
            "at_least": self.at_least,
            "ratios": list(self.ratios),
            "median_ratio": self.ratio,
            "verdict": self.word.lower(),
        }


def judge(results: Sequence[Result]) -> list[Verdict]:
    """Return a verdict for each budget in the results of one verb, in their order."""
    return [
        _verdict(results, result, series, budget)
        for result in results
        for series in result.series
        for budget in series.candidate.budgets
    ]


def _verdict(
    results: Sequence[Result], result: Result, series: Series, budget: Budget
) -> Verdict:
    if budget.at is not None:
        other, place = _at(results, result, budget.at), f", {budget.at:,.0f}"
        reference = other.named(budget.of or series.candidate.name)
    elif budget.of is not None:
        place, reference = "", result.named(budget.of)
    else:
        place, reference = "", result.series[0]
    return Verdict(
        workload=result.workload.title,
        candidate=series.candidate.name,
        of=reference.candidate.name + place,
        at_least=budget.at_least,
        ratios=tuple(result.ratios(series, reference)),
        is_sound=_is_sound(series) and _is_sound(reference),
    )


def _at(results: Sequence[Result], near: Result, value: float) -> Result:
    """Return the workload at another value of the same axis."""
    assert near.workload.axis is not None
    return next(
        each for each in results if each.workload.axis == (near.workload.axis[0], value)
    )


def _is_sound(series: Series) -> bool:
    # A run whose result is wrong may have been fast for that.
    return series.is_right is not False and not series.failures
