"""One seed for every random choice; EVIDENT_SEED repeats a run."""

from __future__ import annotations

import os
import random
import secrets

# In the environment, so that the processes of one run share it.
SEED = int(os.environ.setdefault("EVIDENT_SEED", str(secrets.randbits(32))))
# `make test`; what it leaves out stands in support.selection.
IS_DAILY = os.environ.get("EVIDENT_DAILY") == "1"
FULL = os.environ.get("EVIDENT_FULL") == "1"
# A run on a major that is not the newest; see there as well.
IS_SECOND = os.environ.get("EVIDENT_SECOND") == "1"
ROUNDS = int(os.environ.get("EVIDENT_ROUNDS") or 1)


def scaled(bounded: int, full: int, *, least: int = 1) -> int:
    """Choose how often: in `make test`, or in `make trust`, there times ROUNDS.

    On a second major a quarter of it, but at least so often.
    """
    if FULL:
        return full * ROUNDS
    return max(bounded // 4, least) if IS_SECOND else bounded


def random_source(name: str) -> random.Random:
    """Print the seed, for pytest to show with a failure, and start a stream of it."""
    print(f"EVIDENT_SEED={SEED} for {name}")
    return random.Random(f"{SEED}/{name}")
