"""The daily run takes one case of each test, another one with each seed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from support import selection


@dataclass(frozen=True)
class Item:
    """What selection reads of a test."""

    nodeid: str
    fixturenames: tuple[str, ...] = ("server",)
    markers: frozenset[str] = field(default_factory=frozenset)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.markers else None


MANY = [Item(f"test_feed.py::test_order[{n}]") for n in range(20)]
OTHERS = [
    Item("test_feed.py::test_alone"),
    *[Item(f"test_check.py::test_rule[{n}]", fixturenames=()) for n in range(3)],
    *[
        Item(f"test_matrix.py::test_cell[{n}]", markers=frozenset({"whole"}))
        for n in "ab"
    ],
]


def taken(monkeypatch: pytest.MonkeyPatch, seed: int) -> set[str]:
    monkeypatch.setattr(selection, "SEED", seed)
    items = [*MANY, *OTHERS]
    left = selection.other_cases(items)  # type: ignore[arg-type]
    return {each.nodeid for each in items if each not in left}


def test_one_case_of_each_test_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = taken(monkeypatch, 1)
    assert {each.nodeid for each in OTHERS} < found
    assert len(found) == len(OTHERS) + 1


def test_the_seed_chooses_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(monkeypatch, 1) == taken(monkeypatch, 1)
    over_time = set().union(*(taken(monkeypatch, seed) for seed in range(300)))
    assert over_time == {each.nodeid for each in [*MANY, *OTHERS]}
