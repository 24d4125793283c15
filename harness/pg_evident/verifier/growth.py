"""The trees over what an export holds, grown bundle by bundle in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .formats.merkle import Peaks, fold, perfect_root, push
from .formats.tiles import TILE

# Takes level, index and the candidates for one node of a stored tile.
OnNode = Callable[[int, int, set[bytes]], None]


class Trees:
    """The trees over events, entries and tiles.

    They are one until their leaves differ, and are computed once as long as that.
    """

    def __init__(self, sources: int, on_node: OnNode) -> None:
        self._peaks: list[Peaks] = [[]] * sources
        self._on_node = on_node
        self._bundles = 0

    def grow(
        self, leaves: Sequence[list[bytes]], sizes: Iterable[int]
    ) -> dict[int, set[bytes]]:
        """Append one bundle of leaf hashes, given for each source.

        Returns the roots at the sizes asked for, which lie within this bundle and may
        be its end; more than one where the sources disagree. Only the last bundle may
        be short of 256 leaves.
        """
        start = self._bundles * TILE
        wanted = sorted({size - start for size in sizes})
        roots: dict[int, set[bytes]] = {start + each: set() for each in wanted}
        nodes: dict[tuple[int, int], set[bytes]] = {}
        # Sources with the same past and the same leaves go on as one.
        grown: list[tuple[Peaks, list[bytes], Peaks]] = []
        for source, peaks in enumerate(self._peaks):
            for before, hashes, after in grown:
                if before is peaks and hashes == leaves[source]:
                    self._peaks[source] = after
                    break
            else:
                after = list(peaks)
                for size, root in _roots_within(peaks, leaves[source], wanted):
                    roots[start + size].add(root)
                if len(leaves[source]) == TILE:
                    self._push(after, perfect_root(leaves[source]), nodes)
                else:
                    for each in leaves[source]:
                        push(after, 0, each)
                grown.append((peaks, leaves[source], after))
                self._peaks[source] = after
        for (level, index), found in nodes.items():
            self._on_node(level, index, found)
        self._bundles += 1
        return roots

    def _push(
        self, peaks: Peaks, root: bytes, nodes: dict[tuple[int, int], set[bytes]]
    ) -> None:
        for height, node in push(peaks, 8, root):
            if height % 8 == 0:
                place = (height // 8, self._bundles >> (height - 8))
                nodes.setdefault(place, set()).add(node)


def _roots_within(
    peaks: Peaks, hashes: list[bytes], wanted: list[int]
) -> Iterable[tuple[int, bytes]]:
    """Give the roots after so many leaves of the bundle."""
    inner: Peaks = []
    done = 0
    for size in wanted:
        for each in hashes[done:size]:
            push(inner, 0, each)
        done = size
        yield size, fold(peaks + inner)
