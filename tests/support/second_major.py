"""What the daily run leaves out on every major but the newest.

Everything runs on the newest one. On another one each deterministic test shows that the
product works there too, and each concurrency test does at a quarter of its size.
Broken twins show something of the checks, Hypothesis of the rules, and faults of the
server of the protocol: those are for `make trust TRUSTED="15 18"`.
"""

from __future__ import annotations

import pytest

from support.seeds import IS_SECOND

FAULTS = "faults: stops, kills or starves servers"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", FAULTS)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if IS_SECOND:
        left = [each for each in items if is_left_out(each)]
        config.hook.pytest_deselected(items=left)
        items[:] = [each for each in items if not is_left_out(each)]


def is_left_out(item: pytest.Item) -> bool:
    """Tell a test that shows nothing of this major."""
    return (
        item.get_closest_marker("twin_of") is not None
        or item.get_closest_marker("faults") is not None
        or getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    )
