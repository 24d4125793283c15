"""A broken rule, with the smallest part of the history that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from support.models.history import Transaction


@dataclass(frozen=True)
class Violation:
    """An anomaly by its name in the literature, what is wrong, and who shows it."""

    anomaly: str
    text: str
    witnesses: tuple[Transaction, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.anomaly}: {self.text}", *(f"    {w}" for w in self.witnesses)]
        return "\n".join(lines)


def told_all(violations: Sequence[Violation]) -> list[str]:
    """Give the texts, those with the fewest witnesses first."""
    return [str(each) for each in sorted(violations, key=lambda v: len(v.witnesses))]
