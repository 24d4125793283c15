"""Align a sequence that was tampered with to the leaves that it should be.

Where one line is missing or too many, that one is named, and not all behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

# A leaf or a row under the names by which it can be recognised: hash and event_id.
Names = tuple[bytes | None, bytes | None]


class Source(Generic[T]):
    """Rows in order, with a look ahead of any length."""

    def __init__(self, rows: Iterator[T]) -> None:
        self._rows = rows
        self._ahead: list[T] = []

    def look(self, count: int) -> list[T]:
        """Give the next rows without taking them; fewer only at the end."""
        if len(self._ahead) < count:
            self._ahead.extend(islice(self._rows, count - len(self._ahead)))
        return self._ahead[:count]

    def take(self, count: int) -> list[T]:
        """Take the next rows; fewer only at the end."""
        taken = self.look(count)
        self._ahead = self._ahead[count:]
        return taken


def align(
    leaves: Sequence[Names], rows: Sequence[Names], count: int
) -> tuple[list[int | None], list[int], int]:
    """Pair the first `count` leaves with rows; more of both are there to look ahead.

    Returns for each leaf the index of its row or None, the indexes of rows that are
    no leaf's, and the number of rows that were used. The pairs are fewer than `count`
    where the rows come to an end.
    """
    of_row = _places(rows)
    of_leaf = _places(leaves)
    pairs: list[int | None] = []
    extra: list[int] = []
    leaf = row = 0
    while leaf < count and row < len(rows):
        if is_same(leaves[leaf], rows[row]):
            pairs.append(row)
            leaf += 1
            row += 1
            continue
        there = _find(of_row, leaves[leaf])
        ahead = _find(of_leaf, rows[row])
        skip_rows = there - row if there is not None and there > row else None
        skip_leaves = ahead - leaf if ahead is not None and ahead > leaf else None
        if skip_rows is None and skip_leaves is None:
            if ahead is not None:
                extra.append(row)
                row += 1
            elif there is not None:
                pairs.append(None)
                leaf += 1
            else:
                # Neither is known elsewhere: the one stands for the other.
                pairs.append(row)
                leaf += 1
                row += 1
        elif skip_leaves is None or (
            skip_rows is not None and skip_rows <= skip_leaves
        ):
            extra.append(row)
            row += 1
        else:
            pairs.append(None)
            leaf += 1
    return pairs, extra, row


def is_same(left: Names, right: Names) -> bool:
    """Say whether two have a name in common."""
    return (left[0] is not None and left[0] == right[0]) or (
        left[1] is not None and left[1] == right[1]
    )


def _places(names: Sequence[Names]) -> dict[bytes, int]:
    places: dict[bytes, int] = {}
    for place, each in enumerate(names):
        for name in each:
            if name is not None:
                places.setdefault(name, place)
    return places


def _find(places: dict[bytes, int], names: Names) -> int | None:
    for name in names:
        if name is not None and name in places:
            return places[name]
    return None
