"""Numbers and names as a reader wants them."""

from __future__ import annotations

from collections.abc import Sequence

from report.evidence import Evidence
from report.verdict import Verdict, name_of, sentence


def figures_of(row: Verdict) -> str:
    """Give the figures of a promise in one line."""
    return "; ".join(f"{name(key)} {number(n)}" for key, n in row.figures.items())


def name(key: str) -> str:
    return key.replace("_", " ")


def number(value: float) -> str:
    """Write a count with separators, anything else with three digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def told(group: Sequence[Evidence]) -> str:
    """Give the cases of one test as a sentence with their outcome."""
    first = group[0]
    text = sentence(first.test)
    if first.is_twin:
        text = f"broken variant ({name_of(first)}): {text}"
    if first.outcome != "passed":
        _, _, parameters = first.test.rpartition("::")[2].partition("[")
        text += f" ({parameters.removesuffix(']')})" if parameters else ""
    many = f" in {len(group)} cases" if len(group) > 1 else ""
    seconds = sum(each.seconds for each in group)
    text += f": {first.outcome}{many}, {seconds:.1f} s"
    return f"{text} ({first.reason})" if first.reason else text


def said(group: Sequence[Evidence]) -> str:
    """Give what the check said of a broken variant, of several the first."""
    return next((line for each in group for line in each.caught), "")


def tests_of(row: Verdict) -> str:
    """Say how many tests passed, and of how many."""
    passed = sum(each.outcome == "passed" for each in row.tests)
    skipped = sum(each.outcome == "skipped" for each in row.tests)
    counted = f"{passed} of {len(row.tests) - skipped}"
    return f"{counted} ({skipped} skipped)" if skipped else counted
