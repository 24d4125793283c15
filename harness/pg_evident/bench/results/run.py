"""What a verb found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pg_evident.bench.results.budgets import Verdict
from pg_evident.bench.terms import Result


@dataclass(frozen=True)
class Run:
    """What a verb found, and all of it as a JSON object."""

    results: list[Result]
    verdicts: list[Verdict]
    document: dict[str, Any]


def joined(runs: Iterable[Run]) -> dict[str, Any]:
    """Return the documents of several verbs as one."""
    return {"verb": "all", "verbs": [run.document for run in runs]}
