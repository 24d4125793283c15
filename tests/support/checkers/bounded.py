"""Repeat a check on a broken twin until it reports a violation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

SECONDS = 60.0


def first_violations(check: Callable[[], Sequence[str]]) -> list[str]:
    """Run a check again and again, up to SECONDS, and give what it found first."""
    deadline = time.monotonic() + SECONDS
    while True:
        if found := list(check()):
            print(f"caught: {found[0]}")
            return found
        if time.monotonic() > deadline:
            return []
