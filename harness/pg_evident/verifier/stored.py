"""The tiles of an export: leaf hashes to read, and nodes above to compare."""

from __future__ import annotations

from .findings import TAMPERED, UNREADABLE, Findings
from .formats.files import Folder
from .formats.tiles import TILE, TileError, read_tile, tile_path, tile_width


class Tiles:
    """The stored tiles, one of each level in memory, each reported once."""

    def __init__(self, folder: Folder, size: int, found: Findings) -> None:
        self._folder, self._size, self._found = folder, size, found
        self._leaves: dict[int, list[bytes] | None] = {}
        self._upper: dict[int, tuple[int, list[bytes] | None]] = {}

    def leaves(self, index: int) -> list[bytes] | None:
        """Give the hashes of a tile of leaves; None when there is none to read."""
        if index not in self._leaves:
            # The one before may still be asked for, and the next be looked at.
            self._leaves = {
                at: tile for at, tile in self._leaves.items() if at >= index - 1
            }
            self._leaves[index] = self._read(0, index)
        return self._leaves[index]

    def check_node(self, level: int, index: int, candidates: set[bytes]) -> None:
        """Compare a node above the leaves with the tile that holds it."""
        number, tile = self._upper.get(level, (-1, None))
        if number != index // TILE:
            number = index // TILE
            tile = self._read(level, number)
            self._upper[level] = number, tile
        if tile is None or tile[index % TILE] in candidates:
            return
        first, last = index << (8 * level), ((index + 1) << (8 * level)) - 1
        path = tile_path(level, number, len(tile))
        text = (
            f"{path}: hash {index % TILE} is not that of leaves {first:,} to {last:,}"
        )
        self._found.add(TAMPERED, text, fields=("tile",))

    def _read(self, level: int, index: int) -> list[bytes] | None:
        width = tile_width(self._size, level, index)
        if width <= 0:
            return None
        try:
            return read_tile(self._folder, level, index, width)
        except TileError as error:
            self._found.add(UNREADABLE, str(error))
            return None
