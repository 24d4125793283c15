"""What must hold along the leaves: ids ascend, versions have no gap, dates fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat
from operator import lt

from .findings import LISTED, TAMPERED, Findings
from .formats.entry import Entry, uuid_text
from .formats.times import HOUR, show
from .heads import Head


@dataclass(frozen=True, slots=True)
class Gap:
    """Versions that one aggregate lacks, or has twice."""

    leaf: int
    aggregate_id: str
    expected: int
    version: int


@dataclass(frozen=True, slots=True)
class OddDate:
    """An event whose date does not fit the tree heads around it."""

    leaf: int
    event_id: str
    text: str


@dataclass(slots=True)
class Order:
    """The state along the leaves; only the newest versions by aggregate grow.

    `unknown` counts leaves whose event is not known: behind one, a gap is no finding.
    """

    found: Findings
    versions: dict[bytes, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    odd_dates: list[OddDate] = field(default_factory=list)
    odd_date_count: int = 0
    unknown: int = 0
    last_id: int = -(2**63) - 1
    _sealed_before: int | None = None

    def see_many(
        self,
        start: int,
        entries: Sequence[bytes],
        ids: Sequence[int],
        aggregates: Sequence[bytes],
        versions: Sequence[int],
    ) -> None:
        """Take the events of whole leaves, in order."""
        if self.last_id < ids[0] and all(map(lt, ids, islice(ids, 1, None))):
            self.last_id = ids[-1]
        else:
            for leaf, (number, entry) in enumerate(zip(ids, entries, strict=True)):
                self._see_id(start + leaf, number, entry)
        known = self.versions
        get = known.get
        for at, before, aggregate, version in zip(
            range(len(ids)),
            map(get, aggregates, repeat(0)),
            aggregates,
            versions,
            strict=True,
        ):
            if before + 1 == version:
                known[aggregate] = version
            else:
                self._odd_version(start + at, aggregate, version, entries[at])

    def see(self, leaf: int, entry: Entry | None) -> None:
        """Take the event of one leaf, None where it is unknown."""
        if entry is None:
            self.unknown += 1
            return
        self._see_id(leaf, entry.id, entry)
        if self.versions.get(entry.aggregate_id, 0) + 1 == entry.version:
            self.versions[entry.aggregate_id] = entry.version
        else:
            self._odd_version(leaf, entry.aggregate_id, entry.version, entry)

    def see_dates(
        self,
        start: int,
        dates: Sequence[int | None],
        heads: Sequence[Head],
        next_head: Head | None,
        event_ids: Sequence[bytes | None],
    ) -> None:
        """Compare dates with the tree heads within the leaves and the one behind."""
        position, end = start, start + len(dates)
        for head in [*heads, *([next_head] if next_head else [])]:
            stop = min(head.size, end)
            if stop > position:
                low = self._sealed_before
                self._see_span(start, position, stop, dates, low, head, event_ids)
                position = stop
            if head.size <= end:
                self._sealed_before = head.sealed_at

    def _see_span(
        self,
        start: int,
        position: int,
        stop: int,
        dates: Sequence[int | None],
        before: int | None,
        head: Head,
        event_ids: Sequence[bytes | None],
    ) -> None:
        high = head.sealed_at
        low = -(2**64) if before is None else before - HOUR
        span = [
            each for each in dates[position - start : stop - start] if each is not None
        ]
        if not span or (low <= min(span) and max(span) <= high):
            return
        for leaf in range(position, stop):
            moment, event_id = dates[leaf - start], event_ids[leaf - start]
            if moment is None or event_id is None or low <= moment <= high:
                continue
            text = f"{show(moment)} is after its leaf was sealed, {show(high)}"
            if moment < low and before is not None:
                text = (
                    f"{show(moment)} is long before the seal before it, {show(before)}"
                )
            self.odd_date_count += 1
            if len(self.odd_dates) < LISTED:
                self.odd_dates.append(OddDate(leaf, uuid_text(event_id), text))

    def _see_id(self, leaf: int, number: int, entry: bytes | Entry) -> None:
        if number <= self.last_id:
            text = f"id {number} does not come after id {self.last_id}"
            self.found.add(TAMPERED, text, leaf=leaf, entry=entry, fields=("id",))
        self.last_id = max(number, self.last_id)

    def _odd_version(
        self, leaf: int, aggregate: bytes, version: int, entry: bytes | Entry
    ) -> None:
        before = self.versions.get(aggregate, 0)
        self.versions[aggregate] = max(version, before)
        if version > before and self.unknown:
            return
        text = f"version {version} of the aggregate comes after version {before}"
        if version > before:
            last = "" if version == before + 2 else f" to {version - 1}"
            text = f"the aggregate lacks version {before + 1}{last}"
        if len(self.gaps) < LISTED:
            gap = Gap(leaf, uuid_text(aggregate), before + 1, version)
            self.gaps.append(gap)
        self.found.add(TAMPERED, text, leaf=leaf, entry=entry, fields=("version",))
