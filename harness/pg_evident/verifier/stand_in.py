"""What an export without its own checkpoint is held against: what somebody kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .formats.documents import integer, parse_object, text
from .formats.files import FileError, Folder
from .formats.note import TRUSTED, Checkpoint, NoteError, parse_checkpoint
from .formats.tiles import TILE, tile_path, tile_width
from .heads import LARGEST_LOG, LOG
from .kept import Kept

_ROOT = "A" * 43 + "="


def stand_in(folder: Folder, kept: Iterable[Kept]) -> Kept | None:
    """Say what the export's own checkpoint may have been; None when nothing tells.

    That is the newest kept one of the log that log.json names. Nobody signed log.json,
    so only a later incarnation is taken from it, and a size that the tiles have.
    Nothing is known of the root.
    """
    heard = [each.checkpoint for each in kept if each.trust == TRUSTED]
    if not heard:
        return None
    said = _said(folder)
    if said is not None:
        heard = [each for each in heard if each.log_id == said.log_id] or heard
    own = max(heard, key=lambda each: (each.incarnation, each.size))
    if said is not None and said.log_id == own.log_id:
        size = said.size if _has_size(folder, said.size) else own.size
        own = said if said.incarnation > own.incarnation else own
        own = replace(own, size=size)
    return Kept(str(folder.path), own, TRUSTED, ())


def comparable(kept: Iterable[Kept], own: Kept) -> list[Kept]:
    """Give the checkpoints that the leaves reach, where the size is not signed."""
    return [each for each in kept if each.checkpoint.size <= own.checkpoint.size]


def _has_size(folder: Folder, size: int) -> bool:
    """Say whether the last leaves of a tree of this size are there."""
    last = (size - 1) // TILE
    return size > 0 and any(
        folder.exists(tile_path(each, last, tile_width(size, 0, last)))
        for each in (0, "entries")
    )


def _said(folder: Folder) -> Checkpoint | None:
    """Read what log.json says of the log."""
    try:
        log = parse_object(folder.read(LOG, LARGEST_LOG))
        size = integer(log["tree_size"])
        return parse_checkpoint(f"{text(log['origin'])}\n{size}\n{_ROOT}\n")
    except (FileError, NoteError, ValueError, KeyError):
        return None
