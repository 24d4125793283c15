"""What the daily run leaves out.

Of the measurements, `make test` takes one verb; `make bench-test` takes all, and
fetches the stores that they compare with. A test marked `thorough` is one more variant
of what another one shows every day: `make trust` takes it.

Everything else runs on the newest major. On another one each deterministic test of the
SQL shows that the product works there too, and each concurrency test does at a quarter
of its size. Broken twins show something of the checks, Hypothesis of the rules, faults
of servers, workers and commands of the protocol, and what is marked `once` of a
command: those are for `make trust`, which tries all of it on each of its majors. A
test that asks for no server of the major shows nothing of it at all.
"""

from __future__ import annotations

import os

import pytest

from support.seeds import FULL, IS_SECOND

MARKERS = (
    "drawn: tries what Hypothesis draws, in a test that it does not see",
    "faults: stops, kills or starves servers, workers or commands",
    "measurement: measures, which takes long",
    "once: shows nothing of a major that the newest one does not",
    "thorough: shows in another variant what another test shows too",
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
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def is_left_out(item: pytest.Item) -> bool:
    """Tell a test that this run leaves to another command."""
    if item.get_closest_marker("measurement") is not None and not MEASURES:
        return True
    if item.get_closest_marker("thorough") is not None and not FULL:
        return True
    return IS_SECOND and (
        item.get_closest_marker("twin_of") is not None
        or item.get_closest_marker("faults") is not None
        or item.get_closest_marker("drawn") is not None
        or item.get_closest_marker("once") is not None
        or getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        or not {"server", "major"}.intersection(getattr(item, "fixturenames", ()))
    )
