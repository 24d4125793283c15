"""Compare leaf by leaf with an export that was made earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .align import Names, align
from .compare import Stored, entry_names
from .entry import differing_fields
from .findings import LISTED, TAMPERED, UNREADABLE, Findings
from .growth import Trees
from .kept import AGREES, ENDED, Kept
from .merkle import leaf_hash
from .note import TRUSTED
from .tiles import TILE, TileError, read_entries, read_tile, tile_width, widths

# (leaf, text, entry, fields)
Difference = tuple[int | None, str, Stored, tuple[str, ...]]
Item = tuple[Names, Stored]


@dataclass(slots=True)
class Earlier:
    """An earlier export while it is compared, with the tree over its leaves."""

    folder: Path
    kept: Kept
    found: Findings
    differences: list[Difference] = field(default_factory=list)
    count: int = 0
    root: bytes | None = None
    _trees: Trees = field(default_factory=lambda: Trees(1, lambda *_: None))
    _is_whole: bool = True
    _bundles: int = 0
    _start: int = 0
    _old: list[Item] = field(default_factory=list)
    _new: list[Item] = field(default_factory=list)

    def see(
        self, start: int, hashes: Sequence[bytes | None], data: Sequence[Stored]
    ) -> None:
        """Compare one bundle of the present export."""
        size = self.kept.checkpoint.size
        width = tile_width(size, 0, start // TILE)
        if width <= 0 and not self._old:
            return
        old = self._read(start // TILE, width) if width > 0 else []
        if old is None:
            self._settle(len(self._old))
            self._old, self._new = [], []
            return
        if not self._old and not self._new:
            if old == list(hashes[: len(old)]):
                return
            self._start = start
        self._old += self._items(start // TILE, width, old)
        self._new += [
            ((digest, entry_names(entry)[1]), entry)
            for digest, entry in zip(hashes, data, strict=True)
        ]
        while len(self._old) > 2 * TILE:
            self._settle(TILE)

    def finish(self) -> None:
        """Report what differs, unless the earlier export is not sound itself."""
        self._settle(len(self._old))
        if self.kept.status == ENDED or not self.count:
            return
        for index, width in widths(self.kept.checkpoint.size, 0):
            if index >= self._bundles:
                self._read(index, width)
        if self.root != self.kept.checkpoint.root or self.kept.trust != TRUSTED:
            text = (
                f"{self.folder}: {self.count:,} leaves differ, but its own checkpoint"
            )
            self.found.add(UNREADABLE, f"{text} does not vouch for them")
            return
        if self.kept.status == AGREES:
            # The tiles are the same; where the events differ, that was reported.
            return
        for leaf, text, entry, fields in self.differences:
            self.found.add(TAMPERED, text, leaf=leaf, entry=entry, fields=fields)
        if self.count > len(self.differences):
            more = self.count - len(self.differences)
            text = f"{more:,} more leaves differ from the earlier export"
            self.found.add(TAMPERED, text, count=more)

    def _settle(self, count: int) -> None:
        """Compare so many leaves that were put off, and forget them."""
        if not count:
            return
        pairs, _, used = align(
            [names for names, _ in self._old], [names for names, _ in self._new], count
        )
        for at, (names, entry) in enumerate(self._old[:count]):
            leaf = self._start + at
            place = pairs[at] if at < len(pairs) else None
            if at >= len(pairs):
                break
            if place is None:
                self._differ(leaf, "was in the earlier export and is gone", entry, ())
            elif self._new[place][0][0] != names[0]:
                self._differ(leaf, *_difference(entry, self._new[place][1]))
        self._start += count
        self._old = self._old[count:]
        self._new = self._new[used:]

    def _differ(
        self, leaf: int, text: str, entry: Stored, fields: tuple[str, ...]
    ) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.differences.append((leaf, text, entry, fields))

    def _read(self, index: int, width: int) -> list[bytes] | None:
        """Read the leaf hashes of the earlier export, and grow its tree."""
        self._bundles = index + 1
        try:
            hashes = read_tile(self.folder, 0, index, width)
        except TileError as error:
            self.found.add(UNREADABLE, f"{self.folder}/{error}")
            self._is_whole = False
            return None
        if self._is_whole:
            end = index * TILE + width
            self.root = self._trees.grow([hashes], [end])[end].pop()
        if index * TILE + width < self.kept.checkpoint.size or not self._is_whole:
            self.root = None
        return hashes

    def _items(self, index: int, width: int, hashes: list[bytes]) -> list[Item]:
        """Give leaves with their entries, where those can be read and are theirs."""
        try:
            entries = read_entries(self.folder, index, width)
        except TileError:
            entries = []
        known = {leaf_hash(each): each for each in entries}
        return [
            ((digest, entry_names(known.get(digest))[1]), known.get(digest))
            for digest in hashes
        ]


def _difference(old: Stored, new: Stored) -> tuple[str, Stored, tuple[str, ...]]:
    if old is None or new is None:
        return "differs from the earlier export", old or new, ()
    fields = differing_fields(old, new)
    text = f"changed since the earlier export: {', '.join(fields)}"
    if "event_id" in fields and len(fields) > 1:
        text = "another event stands here in the earlier export"
    return text, old, fields
