"""The tree heads that the database kept, compared with the roots of the leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .findings import TAMPERED, Findings
from .formats.merkle import EMPTY_ROOT
from .heads import Head
from .kept import Kept

TIMELINE_POINTS = 400


@dataclass(slots=True)
class Seals:
    """The state along the tree heads.

    `undated` checkpoints, the smallest last, get their times from them.
    """

    undated: list[Kept]
    count: int = 0
    timeline: list[tuple[int, int]] = field(default_factory=list)
    agreed: int = 0
    differing: int = 0
    first: int = 0
    last: int = 0
    odd_ends: int = 0
    _odd_end: str = ""
    _stride: int = 1
    _roots: Mapping[int, set[bytes]] = field(default_factory=lambda: {0: {EMPTY_ROOT}})

    def __post_init__(self) -> None:
        self.undated = list(self.undated)

    def see(self, head: Head, roots: Mapping[int, set[bytes]]) -> None:
        """Compare one head with the roots of the bundle in which it ends."""
        while self.undated and self.undated[-1].checkpoint.size <= head.size:
            self.undated.pop().sealed_at = head.sealed_at
        if self.count % self._stride == 0:
            self.timeline.append((head.size, head.sealed_at))
            if len(self.timeline) > TIMELINE_POINTS:
                self.timeline = self.timeline[::2]
                self._stride *= 2
        self.count += 1
        self.last = head.size
        # A heartbeat repeats the size of the head before, maybe of the last bundle.
        if head.size in roots:
            self._roots = roots
        if head.root not in self._roots[head.size]:
            self.first = self.first if self.differing else head.size
            self.differing += 1
        elif not self.differing:
            self.agreed = head.size

    def see_ids(
        self, start: int, ids: Sequence[int | None], heads: Iterable[Head]
    ) -> None:
        """Compare the last event that heads name with the id of their last leaf."""
        for head in heads:
            last = ids[head.size - 1 - start] if head.size > start else None
            if last in (None, head.last_event_id):
                continue
            self.odd_ends += 1
            self._odd_end = self._odd_end or (
                f"tree-heads.ndjson: head {head.number:,} ends with the event of id"
                f" {head.last_event_id}, and leaf {head.size - 1:,} has id {last}"
            )

    def report(self, found: Findings) -> None:
        """Report the heads that differ, and what they bracket."""
        if self.odd_ends:
            text = self._odd_end
            if self.odd_ends > 1:
                text += f"; {self.odd_ends - 1:,} more heads end otherwise"
            found.add(TAMPERED, text, fields=("last_event_id",))
        if not self.differing:
            return
        text = (
            f"tree-heads.ndjson: the leaves do not lead to the root at {self.first:,}"
        )
        if self.differing > 1:
            text += f", nor to {self.differing - 1:,} later ones"
        if self.agreed < self.first:
            text += (
                "; by the tree heads the first changed leaf is one of"
                f" {self.agreed:,} to {self.first - 1:,}"
            )
        found.add(TAMPERED, text, fields=("root",))
