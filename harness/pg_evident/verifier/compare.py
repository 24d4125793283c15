"""Compare one bundle of events, entries and leaf hashes, at first as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Generic, TypeVar

from .align import Names, Source, align, is_same
from .findings import LISTED, TAMPERED, UNREADABLE, Findings
from .formats.entry import Entry, is_version_1
from .formats.events import EVENTS, Row
from .formats.merkle import leaf_hash
from .formats.tiles import TILE, tile_path
from .judge import Place, judge

Stored = bytes | None
T = TypeVar("T")


@dataclass(slots=True)
class Bundle:
    """Up to 256 leaves: their hashes by source, and their entries.

    Hashes and entries are None where nothing is known. `ends` has the leaves before
    which a file came to its end.
    """

    hashes: Sequence[list[bytes | None]]
    data: list[bytes | None]
    entries: list[Entry | None]
    ends: dict[str, int]


@dataclass(slots=True)
class Displaced:
    """Events that are missing, and lines too many; the same one may be both.

    `missing` has leaf, names and entry; `extra` has file and line, names and entry.
    """

    missing: list[tuple[int, str, Names, Stored]] = field(default_factory=list)
    extra: list[tuple[str, int, Names, Stored]] = field(default_factory=list)
    lost: int = 0

    def add_missing(self, leaf: int, where: str, names: Names, entry: Stored) -> None:
        """Keep an event that a file lacks."""
        if len(self.missing) < LISTED:
            self.missing.append((leaf, where, names, entry))
        self.lost += 1

    def add_extra(self, where: str, line: int, names: Names, entry: Stored) -> None:
        """Keep an event of a file that is in no leaf."""
        if len(self.extra) < LISTED:
            self.extra.append((where, line, names, entry))
        self.lost += 1

    def report(self, found: Findings) -> None:
        """Report them, an event that is missing and extra as one that was moved."""
        places = {
            (where, name): line
            for where, line, names, _ in self.extra
            for name in names
            if name is not None
        }
        moved = set()
        for leaf, where, names, entry in self.missing:
            keys = [(where, name) for name in names if name is not None]
            line = next((places[key] for key in keys if key in places), None)
            text = f"{where} lacks this event"
            if line is not None:
                moved.add((where, line))
                text = f"{where} has this event at another place: {_at(where, line)}"
            found.add(TAMPERED, text, leaf=leaf, entry=entry)
        for where, line, _, entry in self.extra:
            if (where, line) not in moved:
                text = f"{where} has an event that is in no leaf: {_at(where, line)}"
                found.add(TAMPERED, text, entry=entry)
        more = self.lost - len(self.missing) - len(self.extra)
        if more:
            text = f"{more:,} more events are missing or too many"
            found.add(TAMPERED, text, count=more)


def equal_hashes(
    rows: Sequence[Row], stored: Sequence[Stored], tile: list[bytes] | None
) -> list[bytes] | None:
    """Give the leaf hashes of a bundle where all three sources agree, else None."""
    if tile is None or len(rows) != len(tile) or len(stored) != len(tile):
        return None
    entries = [row[0] for row in rows]
    if entries != stored or None in entries or any(row[5] for row in rows):
        return None
    hashes = [sha256(b"\x00" + each).digest() for each in entries if each is not None]
    return hashes if hashes == tile else None


def compare(
    found: Findings,
    displaced: Displaced,
    start: int,
    count: int,
    events: Source[Row],
    entries: Source[Stored],
    tile: list[bytes] | None,
    next_tile: list[bytes] | None,
) -> Bundle:
    """Take a bundle from the sources, align it and judge its leaves one by one."""
    width = count if count < TILE else TILE
    names = (
        tile_path("entries", start // TILE, width),
        tile_path(0, start // TILE, width),
    )
    hashes: list[bytes | None] = list(tile) if tile else [None] * count
    ahead: list[Names] = [(each, None) for each in next_tile or ()]

    leaves: list[Names] = [(each, None) for each in hashes]
    stored = _aligned(leaves + ahead, count, entries, entry_names)
    for item, position in stored.extra:
        displaced.add_extra(names[0], position, entry_names(item), item)
    for at, each in enumerate(stored.items):
        if each is not None and hashes[at] in (None, leaf_hash(each)):
            leaves[at] = entry_names(each)
    rows = _aligned(leaves + ahead, count, events, _row_names)
    for row, _ in rows.extra:
        if row.entry is None:
            found.add(UNREADABLE, f"{EVENTS}: line {row.line}: {row.note}")
        else:
            displaced.add_extra(EVENTS, row.line, _row_names(row), row.entry)

    bundle = Bundle(([], [], []), [], [], {})
    for name, pairs in ((EVENTS, rows.paired), (names[0], stored.paired)):
        if pairs < count:
            bundle.ends[name] = start + pairs
    for at in range(count):
        place = Place(start + at, *names)
        leaf = judge(found, place, rows.items[at], stored.items[at], hashes[at])
        for source, known in zip(bundle.hashes, leaf.hashes, strict=True):
            source.append(known)
        bundle.data.append(leaf.data)
        bundle.entries.append(leaf.entry)
        if at in rows.missing:
            displaced.add_missing(start + at, EVENTS, leaves[at], stored.items[at])
        if at in stored.missing:
            displaced.add_missing(start + at, names[0], leaves[at], leaf.data)
    return bundle


@dataclass(slots=True)
class _Aligned(Generic[T]):
    """Items by leaf; the positions that lack theirs; items that are no leaf's.

    Behind the first `paired` leaves there were no items any more.
    """

    items: list[T | None]
    paired: int
    missing: set[int]
    extra: list[tuple[T, int]]


def _aligned(
    leaves: list[Names], count: int, source: Source[T], names: Callable[[T], Names]
) -> _Aligned[T]:
    near = source.look(count)
    if len(near) == count and all(map(is_same, leaves, map(names, near))):
        # Nothing is displaced here, so there is no need to look further.
        source.take(count)
        return _Aligned(list(near), count, set(), [])
    ahead = source.look(count + TILE)
    pairs, extra, used = align(leaves, [names(each) for each in ahead], count)
    source.take(used)
    items = [ahead[each] if each is not None else None for each in pairs]
    return _Aligned(
        items + [None] * (count - len(items)),
        len(items),
        {at for at, each in enumerate(pairs) if each is None},
        [(ahead[each], each) for each in extra],
    )


def entry_names(entry: Stored) -> Names:
    """Give the names by which an entry can be recognised: its hash and event_id."""
    if entry is None:
        return None, None
    return leaf_hash(entry), entry[25:41] if is_version_1(entry) else None


def _row_names(row: Row) -> Names:
    digest, event_id = entry_names(row.entry)
    return (None if row.erased else digest), event_id


def _at(where: str, line: int) -> str:
    return f"line {line}" if where == EVENTS else f"about entry {line + 1}"
