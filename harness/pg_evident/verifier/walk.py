"""The pass along the leaves: every source, every tree, every checkpoint at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .align import Source
from .compare import Displaced, Stored, compare, equal_hashes
from .earlier import Earlier
from .findings import UNREADABLE, Findings
from .formats.events import Row
from .formats.files import Folder
from .formats.tiles import TILE
from .growth import Trees
from .heads import Head, Heads
from .kept import Kept
from .order import Order
from .seals import Seals
from .stored import Tiles


class Walk:
    """One pass along all leaves of an export."""

    def __init__(
        self,
        *,
        found: Findings,
        folder: Folder,
        size: int,
        events: Iterator[Row],
        entries: Iterator[Stored],
        heads: Heads,
        targets: list[Kept],
        earlier: Earlier | None,
    ) -> None:
        self.found, self.folder, self.size = found, folder, size
        self.events, self.entries = Source(events), Source(entries)
        self.heads, self.earlier = heads, earlier
        self.order, self.displaced = Order(found), Displaced()
        self.root: bytes | None = None
        self.checked = 0
        # The next one is the last, where taking it is cheap.
        self._targets = sorted(targets, key=lambda x: x.checkpoint.size, reverse=True)
        self.seals = Seals(self._targets)
        self._tiles = Tiles(folder, size, found)
        self._trees = Trees(3, self._tiles.check_node)
        self._ended: set[str] = set()
        self._hole: int | None = None

    def run(self, progress: Callable[[int], None]) -> None:
        """Go along the leaves, until the end or until nothing is left to read."""
        for start in range(0, self.size, TILE):
            count = min(TILE, self.size - start)
            if not self._step(start, count):
                self._say_hole(start)
                break
            self.checked = start + count
            progress(self.checked)

    def rest(self) -> Iterator[Row]:
        """Give the rows behind the leaves."""
        while rows := self.events.take(TILE):
            yield from rows

    def finish(self) -> None:
        """Report what needed the whole pass."""
        self.displaced.report(self.found)
        self.seals.report(self.found)
        if self._hole is None and self.seals.last < self.size:
            text = f"tree-heads.ndjson: ends before tree size {self.size:,}"
            self.found.add(UNREADABLE, text)

    def _step(self, start: int, count: int) -> bool:
        """Check one bundle; False when no source has anything of it."""
        tile = self._tiles.leaves(start // TILE)
        rows, stored = self.events.look(count), self.entries.look(count)
        if tile is None and not rows and not any(stored):
            return False
        heads = list(self.heads.up_to(start + count))
        same = equal_hashes(rows, stored, tile)
        data: list[Stored]
        if same is not None:
            self.events.take(count)
            self.entries.take(count)
            columns = list(zip(*rows, strict=True))
            data, dates = list(columns[0]), list(columns[4])
            ids: Sequence[int | None] = columns[1]
            self.order.see_many(start, columns[0], *columns[1:4])
            known: list[bytes | None] = [*same]
            leaves = [same, same, same]
        else:
            bundle = compare(
                self.found,
                self.displaced,
                start,
                count,
                self.events,
                self.entries,
                tile,
                self._tiles.leaves(start // TILE + 1),
            )
            self._say_ends(bundle.ends)
            data = bundle.data
            dates = [each.occurred_at if each else None for each in bundle.entries]
            ids = [each.id if each else None for each in bundle.entries]
            for at, entry in enumerate(bundle.entries):
                self.order.see(start + at, entry)
            known = bundle.hashes[0]
            leaves = [_until_hole(hashes) for hashes in bundle.hashes]
        if self._hole is None:
            # Up to a hole, where there is one, all that was claimed is judged.
            self._grow(start, leaves, heads)
        if None in known:
            self._say_hole(start + known.index(None))
        self.seals.see_ids(start, ids, heads)
        event_ids = [each[25:41] if each else None for each in data]
        self.order.see_dates(start, dates, heads, self.heads.next, event_ids)
        if self.earlier is not None:
            self.earlier.see(start, known, data)
        return True

    def _say_ends(self, ends: dict[str, int]) -> None:
        for file, leaf in ends.items():
            if file not in self._ended and self.folder.exists(file):
                text = f"{file}: ends before leaf {leaf:,}; there are {self.size:,}"
                self.found.add(UNREADABLE, text, leaf=leaf)
            self._ended.add(file)

    def _say_hole(self, leaf: int) -> None:
        """Report the first leaf that no source has: no tree grows over it."""
        if self._hole is None:
            self._hole = leaf
            text = f"no file has leaf {leaf:,}: no root from there can be compared"
            self.found.add(UNREADABLE, text, leaf=leaf)

    def _grow(
        self, start: int, leaves: Sequence[list[bytes]], heads: list[Head]
    ) -> None:
        """Grow the trees, and compare their roots on the way."""
        end = start + len(leaves[0])
        heads = [each for each in heads if each.size <= end]
        targets = []
        while self._targets and self._targets[-1].checkpoint.size <= end:
            targets.append(self._targets.pop())
        sizes = {each.checkpoint.size for each in targets} | {x.size for x in heads}
        roots = self._trees.grow(leaves, {each for each in sizes if each > start})
        for target in targets:
            found = roots[target.checkpoint.size]
            target.fits = target.checkpoint.root in found
            if target.is_own:
                self.root = target.checkpoint.root if target.fits else min(found)
        for head in heads:
            self.seals.see(head, roots)


def _until_hole(hashes: Sequence[bytes | None]) -> list[bytes]:
    """Give the hashes before the first leaf of which nothing is known."""
    found: list[bytes] = []
    for each in hashes:
        if each is None:
            break
        found.append(each)
    return found
