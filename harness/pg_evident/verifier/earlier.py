"""Compare leaf by leaf with an export that was made earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .align import Names, align
from .compare import Stored, entry_names
from .findings import LISTED, REPLACED, TAMPERED, UNREADABLE, Findings
from .formats.entry import differing_fields, uuid_text
from .formats.files import Folder
from .formats.merkle import leaf_hash
from .formats.note import TRUSTED
from .formats.tiles import TILE, TileError, read_entries, read_tile, tile_width, widths
from .growth import Trees
from .kept import AGREES, GIVEN_UP, LARGER, NOT_REPRODUCED, Kept

# (leaf, text, entry, fields)
Difference = tuple[int, str, Stored, tuple[str, ...]]
GONE = "was in the earlier export and is gone"
# Leaves that are gone, as was accepted, and are told one by one.
MOST_NOTES = 20
Item = tuple[Names, Stored]


@dataclass(slots=True)
class Earlier:
    """An earlier export while it is compared, with the tree over its leaves."""

    folder: Folder
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

    def finish(self, *, is_whole: bool) -> list[str]:
        """Report what differs, unless the earlier export is not sound itself.

        `is_whole` says that all leaves of the present export were seen. Leaves whose
        loss was accepted are no finding: they are given as notes.
        """
        status = self.kept.status
        size = self.kept.checkpoint.size
        is_shorter = is_whole and status in (LARGER, NOT_REPRODUCED, GIVEN_UP)
        self._settle(len(self._old), is_last=is_shorter)
        if is_shorter:
            self._see_rest(size)
        if not self.count:
            return []
        for index, width in widths(size, 0):
            if index >= self._bundles and self._is_whole:
                self._read(index, width)
        if self.root != self.kept.checkpoint.root or self.kept.trust != TRUSTED:
            text = (
                f"{self.folder.path}: {self.count:,} leaves differ, but its own"
                " checkpoint does not vouch for them"
            )
            self.found.add(UNREADABLE, text)
            return []
        if status == AGREES:
            # The tiles are the same; where the events differ, that was reported.
            return []
        return self._report(REPLACED if status == NOT_REPRODUCED else TAMPERED)

    def _report(self, kind: str) -> list[str]:
        """Report the differences; give those that were accepted as notes."""
        notes: list[str] = []
        is_excused = self.kept.status == GIVEN_UP
        for leaf, text, entry, fields in self.differences:
            if not is_excused or leaf < self.kept.base:
                kind = REPLACED if is_excused else kind
                self.found.add(kind, text, leaf=leaf, entry=entry, fields=fields)
            elif len(notes) < MOST_NOTES:
                event = entry_names(entry)[1]
                named = f" event {uuid_text(event)}" if event else ""
                notes.append(f"leaf {leaf:,}{named}: {text}")
        listed = len(notes) if is_excused else len(self.differences)
        if (more := self.count - listed) > 0:
            text = f"{more:,} more leaves differ from the earlier export"
            if is_excused:
                notes.append(text)
            else:
                self.found.add(kind, text, count=more)
        return notes

    def _see_rest(self, size: int) -> None:
        """Name the leaves behind the end of the present export."""
        for index, width in widths(size, 0):
            if index < self._bundles:
                continue
            hashes = self._read(index, width)
            if hashes is None:
                return
            for at, (_, entry) in enumerate(self._items(index, width, hashes)):
                self._differ(index * TILE + at, GONE, entry, ())

    def _settle(self, count: int, *, is_last: bool = False) -> None:
        """Compare so many leaves that were put off, and forget them."""
        if not count:
            return
        pairs, _, used = align(
            [names for names, _ in self._old], [names for names, _ in self._new], count
        )
        for at, (names, entry) in enumerate(self._old[:count]):
            leaf = self._start + at
            place = pairs[at] if at < len(pairs) else None
            if at >= len(pairs) and not is_last:
                break
            if place is None:
                self._differ(leaf, GONE, entry, ())
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
            self.found.add(UNREADABLE, f"{self.folder.path}/{error}")
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
