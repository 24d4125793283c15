"""One seed for every random choice; EVIDENT_SEED repeats a run."""

from __future__ import annotations

import os
import random
import secrets

SEED = int(os.environ.get("EVIDENT_SEED") or secrets.randbits(32))
FULL = os.environ.get("EVIDENT_FULL") == "1"


def random_source(name: str) -> random.Random:
    """Print the seed, for pytest to show with a failure, and start a stream of it."""
    print(f"EVIDENT_SEED={SEED} for {name}")
    return random.Random(f"{SEED}/{name}")
