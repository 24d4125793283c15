"""Check that what a reader of the feed saw is the final log."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence


def feed_violations(seen: Sequence[int], log: Sequence[int]) -> list[str]:
    """Name what a reader missed, saw twice, out of order, or out of nothing."""
    found = []
    if missed := sorted(set(log) - set(seen)):
        found.append(f"missed {len(missed)} of {len(log)} events, first {missed[0]}")
    if unknown := sorted(set(seen) - set(log)):
        found.append(f"saw {len(unknown)} events that are not stored: {unknown[:5]}")
    if repeated := len(seen) - len(set(seen)):
        found.append(f"saw {repeated} events twice")
    pairs = itertools.pairwise(seen)
    if disorder := [pair for pair in pairs if pair[0] >= pair[1]]:
        found.append(f"saw {disorder[0]} in this order")
    return found


def lag_violations(
    acknowledged: Mapping[int, float], seen: Mapping[int, float], seconds: float
) -> list[str]:
    """Name the events that a reader saw later than `seconds` after the answer."""
    late = {
        number: seen.get(number, float("inf")) - when
        for number, when in acknowledged.items()
    }
    worst = max(late, key=late.__getitem__)
    if late[worst] <= seconds:
        return []
    count = sum(delay > seconds for delay in late.values())
    return [f"{count} events seen late; {worst} after {late[worst]:.2f} s"]
