"""Tiles and entry bundles of C2SP tlog-tiles: their paths and their content."""

from __future__ import annotations

from collections.abc import Iterator

from .files import FileError, Folder
from .merkle import HASH_BYTES

TILE = 256
# Before each entry its length, in two bytes.
LONGEST_ENTRY = 2 + 0xFFFF


class TileError(ValueError):
    """A file is missing, cut off or not of its form. The text names it."""


def index_path(index: int) -> str:
    """Write a tile index in groups of three digits: `x001/x234/067`."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def tile_path(level: int | str, index: int, width: int = TILE) -> str:
    """Write the path of a tile; a level may be `entries`."""
    partial = "" if width == TILE else f".p/{width}"
    return f"tile/{level}/{index_path(index)}{partial}"


def widths(size: int, level: int) -> Iterator[tuple[int, int]]:
    """Give (index, width) of each tile of one level of a tree."""
    count = size >> (8 * level)
    for index in range(count // TILE):
        yield index, TILE
    if count % TILE:
        yield count // TILE, count % TILE


def tile_width(size: int, level: int, index: int) -> int:
    """Say how many hashes a tile has in a tree of this size."""
    return min(TILE, (size >> (8 * level)) - index * TILE)


def read_tile(folder: Folder, level: int, index: int, width: int) -> list[bytes]:
    """Read the hashes of a tile; TileError when there are not exactly that many."""
    path = tile_path(level, index, width)
    data = _read(folder, path, TILE * HASH_BYTES)
    if len(data) != width * HASH_BYTES:
        raise TileError(
            f"{path}: {len(data):,} bytes instead of {width * HASH_BYTES:,}"
        )
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def read_entries(folder: Folder, index: int, width: int) -> list[bytes]:
    """Read the entries of a bundle, however many; TileError when cut off."""
    path = tile_path("entries", index, width)
    data = _read(folder, path, width * LONGEST_ENTRY)
    entries: list[bytes] = []
    position, end = 0, len(data)
    while position < end:
        start = position + 2
        position = start + (data[position] << 8) + data[min(start, end) - 1]
        if position > end or start > end:
            raise TileError(
                f"{path}: cut off within entry {len(entries) + 1} of {width}"
            )
        entries.append(data[start:position])
        if len(entries) > width + TILE:
            raise TileError(f"{path}: far more entries than {width}")
    return entries


def _read(folder: Folder, path: str, most: int) -> bytes:
    try:
        return folder.read(path, most)
    except FileError as error:
        raise TileError(f"{path}: {error}") from error
