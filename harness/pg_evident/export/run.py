"""Write the log into a directory: a static tlog-tiles log, with the events beside it.

In the order of the leaves and in constant memory. Full tiles are kept from run to run,
so exporting again, or after a run that was killed, goes on where that ended. The
checkpoint comes last: without it, an export is not finished.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from pg_evident.export import source
from pg_evident.export.files import FORMAT, Folder, edges, writing_to
from pg_evident.export.lines import Lines, differs, last_event
from pg_evident.export.source import Bundle
from pg_evident.failure import Failure
from pg_evident.ledger import published
from pg_evident.ledger.published import Published
from pg_evident.verifier.formats import note
from pg_evident.verifier.formats.tiles import tile_path

Connection = psycopg.Connection[Any]

# Its id, its leaf entry and its line.
Event = tuple[int, bytes, bytes]

CHECKPOINT = "checkpoint"
_LENGTH = struct.Struct(">H")
_LONGEST = 65_535


def run(
    dsn: str,
    directory: Path,
    checkpoint: Path | None,
    keys: note.Keys | None = None,
    *,
    begin: Callable[[int, int], None],
    advance: Callable[[int], None],
) -> Published:
    """Export at a published checkpoint, the newest one when no file is given.

    With `keys` they must have signed it, so the newest one that they did. `begin`
    hears the number of leaves and how many of them are there already, `advance` how
    many more are. Raises Failure and psycopg.Error.
    """
    with writing_to(directory), source.snapshot(dsn) as connection:
        if checkpoint is None:
            target = published.newest(connection, keys)
        else:
            target = published.read(connection, checkpoint, keys)
        log = source.identity(connection)
        with contextlib.closing(Folder(directory, log["log_id"])) as folder:
            size = target.head.size
            _refuse_shorter(connection, size)
            _refuse_larger(folder, size)
            description = {"format": FORMAT, **log, "tree_size": size}
            if not (directory / "log.json").exists():
                folder.write("log.json", source.as_json(description))

            kept = _kept(connection, folder, size)
            begin(size, kept.tiles * 256)
            _write_leaves(connection, folder, size, kept, advance)
            _write_tiles(connection, folder, size)
            with source.heads(connection, size) as heads:
                folder.write_all("tree-heads.ndjson", heads)
            folder.write("log.json", source.as_json(description))
            folder.remove_partials(size)
            # All of it, or the checkpoint could outlive what it stands for.
            os.sync()
            folder.write(CHECKPOINT, target.text.encode())
    return target


@dataclass(frozen=True)
class _Kept:
    """How many full tiles of leaves are there; the last event's id under and in them.

    The two ids differ where the last event under a tile was deleted.
    """

    tiles: int
    under: int
    written: int | None


def _refuse_shorter(connection: Connection, size: int) -> None:
    """Raise Failure where the end of the log is gone, which an export cannot show.

    It would look like one that was cut off on its way.
    """
    found = source.tree_size(connection)
    missing = source.missing_at_the_end(connection, size) if found >= size else 0
    if found >= size and not missing:
        return
    raise Failure(
        f"the log has {found:,} leaves, the checkpoint has {size:,}"
        if found < size
        else f"{missing:,} of the newest sealed events are gone: history was changed",
        "export at an earlier checkpoint, --checkpoint FILE, and have evident verify"
        " --checkpoints compare it with all that were published",
    )


def _refuse_larger(folder: Folder, size: int) -> None:
    file = folder.path / CHECKPOINT
    if not file.exists():
        return
    found = published.parse(file.read_bytes(), str(file)).head
    if found.size > size:
        raise Failure(
            f"{folder.path} holds {found.size:,} leaves, the checkpoint has {size:,}",
            "export into a new directory; the larger one may be evidence",
        )


def _kept(connection: Connection, folder: Folder, size: int) -> _Kept:
    """Find what an earlier run has left; raises Failure when it is of other events."""
    full = size // 256
    tiles = next((n for n in range(full) if not folder.has_tile(0, n)), full)
    if tiles == 0:
        return _Kept(0, source.BEGINNING, None)
    [(index, under, hashes)] = source.full_tiles(connection, 0, tiles - 1, tiles)
    file = folder.path / tile_path(0, index)
    written = last_event((folder.path / tile_path("entries", index)).read_bytes())
    if written is None or file.read_bytes() != hashes:
        raise differs(file)
    return _Kept(tiles, written if under is None else under, written)


def _write_leaves(
    connection: Connection,
    folder: Folder,
    size: int,
    kept: _Kept,
    advance: Callable[[int], None],
) -> None:
    """Write events, tiles of leaves and their entries, tile by tile.

    Under a tile are the events up to its last id, whether 256 or not: where a store
    was tampered with, that is for the verifier to see.
    """
    under = kept.under
    lines = Lines(folder.path / "events.ndjson", kept.written)
    with contextlib.closing(lines):
        for page in source.bundles(connection, kept.tiles, size, kept.under):
            until = page[-1].last_event_id
            with source.events(connection, under, until) as events:
                for tile, found in _by_tile(page, events):
                    entries = bytearray()
                    for event, entry, line in found:
                        entries += _LENGTH.pack(_length(event, entry)) + entry
                        lines.write(line)
                    lines.flush()
                    place = tile.index, tile.width
                    folder.write(tile_path(0, *place), tile.hashes)
                    folder.write(tile_path("entries", *place), entries)
                    advance(tile.width)
            under = until
        lines.finish()


def _by_tile(
    page: list[Bundle], events: Iterator[Event]
) -> Iterator[tuple[Bundle, Iterator[Event]]]:
    """Give each tile with its events, which are to be read before the next tile."""
    waiting = next(events, None)

    def under(tile: Bundle) -> Iterator[Event]:
        nonlocal waiting
        while waiting is not None and waiting[0] <= tile.last_event_id:
            yield waiting
            waiting = next(events, None)

    for tile in page:
        yield tile, under(tile)


def _length(event: int, entry: bytes) -> int:
    if len(entry) > _LONGEST:
        raise Failure(f"event {event} has an entry of {len(entry):,} bytes: too long")
    return len(entry)


def _write_tiles(connection: Connection, folder: Folder, size: int) -> None:
    """Write the tiles above the leaves."""
    for level, full, width in edges(size):
        if level == 0:
            continue
        first = next((n for n in range(full) if not folder.has_tile(level, n)), full)
        for start in range(first, full, source.PAGE):
            end = min(start + source.PAGE, full)
            for index, _, hashes in source.full_tiles(connection, level, start, end):
                folder.write(tile_path(level, index), hashes)
        if width:
            hashes = source.partial_tile(connection, level, full, width)
            folder.write(tile_path(level, full, width), hashes)
