"""What one test of a promise showed, as it travels from its process to the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

# How figures of one name from several tests become one.
TOGETHER: dict[str, Callable[[float, float], float]] = {
    "sum": lambda one, other: one + other,
    "worst": max,
}


class Figures:
    """Collects numbers for the report; each `name` is a plural noun or a quantity."""

    def __init__(self, properties: list[tuple[str, object]]) -> None:
        self._properties = properties

    def add(self, **counts: int) -> None:
        """Add counts; those of the same name from other tests are summed up."""
        self._note("sum", counts)

    def worst(self, **values: float) -> None:
        """Note values of which the report gives the largest."""
        self._note("worst", values)

    def _note(self, how: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self._properties.append(("figure", [name, how, value]))


NOT_RUN = "not run"


@dataclass
class Evidence:
    """The result of one test: of a promise, or of a check on a broken variant."""

    test: str
    promises: list[int]
    is_twin: bool
    outcome: str = NOT_RUN
    seconds: float = 0.0
    reason: str = ""
    # What was broken, by name, and what the check said of it.
    broken: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)
    figures: list[tuple[str, str, float]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def merged_figures(evidence: list[Evidence]) -> dict[str, float]:
    """Put figures of the same name together, in the order of their first mention."""
    merged: dict[str, float] = {}
    for name, how, value in (each for one in evidence for each in one.figures):
        merged[name] = TOGETHER[how](merged[name], value) if name in merged else value
    return merged
