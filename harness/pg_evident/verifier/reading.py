"""Read the events and the stored entries of an export, within bounds, in order."""

from __future__ import annotations

from collections.abc import Iterator

from .compare import Stored
from .findings import UNREADABLE, Findings
from .formats.events import EVENTS, Row, most_bytes, most_lines, read_lines, read_rows
from .formats.files import FileError, Folder, reason
from .formats.merkle import leaf_hash
from .formats.own_events import OwnEvents
from .formats.tiles import (
    TILE,
    TileError,
    read_entries,
    read_tile,
    tile_path,
    tile_width,
)


def events_of(
    folder: Folder, size: int, own: OwnEvents, found: Findings
) -> Iterator[Row]:
    """Give the events in order; `own` sees those about the store itself."""
    try:
        with folder.open(EVENTS, most_bytes(size)) as stream:
            yield from read_rows(read_lines(stream), own, most_lines(size))
    except FileError as error:
        found.add(UNREADABLE, f"{EVENTS}: {error}")
    except OSError as error:
        found.add(UNREADABLE, f"{EVENTS}: {reason(error)}")


def entries_of(folder: Folder, size: int, found: Findings) -> Iterator[Stored]:
    """Give all stored entries in order, None for those that cannot be read."""
    for index in range(-(-size // TILE)):
        width = tile_width(size, 0, index)
        try:
            entries = read_entries(folder, index, width)
            if len(entries) < width and _is_beginning(folder, index, width, entries):
                path = tile_path("entries", index, width)
                raise TileError(f"{path}: ends after entry {len(entries)} of {width}")
        except TileError as error:
            found.add(UNREADABLE, str(error))
            yield from [None] * width
        else:
            yield from entries


def _is_beginning(folder: Folder, index: int, width: int, entries: list[bytes]) -> bool:
    """Say whether a short bundle only lacks its end, as a file that was cut off."""
    try:
        tile = read_tile(folder, 0, index, width)
    except TileError:
        return True
    return tile[: len(entries)] == [leaf_hash(each) for each in entries]
