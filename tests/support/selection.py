"""What `make test`, the daily run, leaves out. Without it pytest runs what it is told.

Of the measurements it takes one verb; `make bench-test` takes all, and fetches the
stores that they compare with. Of a test with many cases on a server it takes one, which
the seed chooses: EVIDENT_SEED repeats the choice, each run has another one, and
`make trust` takes all of them. A test marked `whole` has all its cases in each run.

On another major than the newest each deterministic test of the SQL shows that the
product works there too, and each concurrency test does at a quarter of its size. Broken
twins show something of the checks, Hypothesis of the rules, faults of servers, workers
and commands of the protocol, and what is marked `once` of a command: those are for
`make trust`, which tries all of it on each of its majors. A test that asks for no
server of the major shows nothing of it at all.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Sequence

import pytest

from support.seeds import IS_DAILY, IS_SECOND, SEED

MARKERS = (
    "drawn: tries what Hypothesis draws, in a test that it does not see",
    "faults: stops, kills or starves servers, workers or commands",
    "measurement: measures, which takes long",
    "once: shows nothing of a major that the newest one does not",
    "whole: has all its cases in the daily run, not some of them",
)
MEASURES = os.environ.get("EVIDENT_MEASURE") == "1"


def pytest_configure(config: pytest.Config) -> None:
    for each in MARKERS:
        config.addinivalue_line("markers", each)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    left: list[pytest.Item] = []
    kept: list[pytest.Item] = []
    for each in items:
        (left if is_left_out(each) else kept).append(each)
    if IS_DAILY:
        left += (others := other_cases(kept))
        kept = [each for each in kept if each not in others]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def is_left_out(item: pytest.Item) -> bool:
    """Tell a test that this run leaves to another command."""
    if item.get_closest_marker("measurement") is not None and not MEASURES:
        return True
    return IS_SECOND and (
        item.get_closest_marker("twin_of") is not None
        or item.get_closest_marker("faults") is not None
        or item.get_closest_marker("drawn") is not None
        or item.get_closest_marker("once") is not None
        or getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        or not needs_server(item)
    )


def needs_server(item: pytest.Item) -> bool:
    return bool({"server", "major"}.intersection(getattr(item, "fixturenames", ())))


def other_cases(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Choose, by the seed, the cases of tests with many that today leaves out."""
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for each in items:
        if needs_server(each) and each.get_closest_marker("whole") is None:
            tests[each.nodeid.partition("[")[0]].append(each)
    return {
        each
        for name, cases in tests.items()
        for each in random.Random(f"{SEED}/{name}").sample(cases, len(cases) - 1)
    }
