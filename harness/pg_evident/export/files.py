"""The directory of an export: names of tiles, and files that are whole or not there.

https://c2sp.org/tlog-tiles. Each file is written beside and renamed, so a run that is
killed leaves no half of one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pg_evident.failure import Failure
from pg_evident.verifier.formats.tiles import TILE, tile_path

FORMAT = "evident.export.v1"
FULL = TILE * 32

_TEMPORARY = ".partial"
_IDENTITY = "log.json"


def edges(size: int) -> Iterator[tuple[int, int, int]]:
    """Give (level, full tiles, width of the partial one) of a tree of some size."""
    level = 0
    while size:
        yield level, size // TILE, size % TILE
        size //= TILE
        level += 1


@contextlib.contextmanager
def writing_to(directory: Path) -> Iterator[None]:
    """Turn what the file system refuses into a Failure."""
    try:
        yield
    except OSError as error:
        raise Failure(f"cannot write to {directory}: {error.strerror}") from None


class Folder:
    """The directory of an export of one log, one process's own while it is open.

    Raises Failure when another process has it, or when it holds something else.
    """

    def __init__(self, path: Path, log_id: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure(f"another export writes to {path}") from None
            self._refuse_others(log_id)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._lock)

    def write(self, name: str, content: bytes | bytearray) -> None:
        """Write a whole file."""
        self.write_all(name, [content])

    def write_all(self, name: str, parts: Iterable[bytes | bytearray]) -> None:
        """Write a whole file of many parts."""
        beside, file = self.path / _TEMPORARY, self.path / name
        with beside.open("wb") as stream:
            stream.writelines(parts)
        try:
            beside.replace(file)
        except FileNotFoundError:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.replace(file)

    def has_tile(self, level: int, index: int) -> bool:
        """Say whether a full tile is there, leaves with their entries."""
        tile = self.path / tile_path(level, index)
        is_whole = tile.is_file() and tile.stat().st_size == FULL
        entries = self.path / tile_path("entries", index)
        return is_whole and (level > 0 or entries.is_file())

    def remove_partials(self, size: int) -> None:
        """Remove the partial tiles of smaller trees than one of so many leaves."""
        keep = {tile_path(*edge) for edge in edges(size)}
        keep |= {tile_path("entries", *edge) for _, *edge in edges(size)}
        for folder in self.path.glob("tile/**/*.p"):
            for file in folder.iterdir():
                if str(file.relative_to(self.path)) not in keep:
                    file.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    def _refuse_others(self, log_id: str) -> None:
        if all(each.name == _TEMPORARY for each in self.path.iterdir()):
            return
        try:
            known = json.loads((self.path / _IDENTITY).read_bytes())
            found, theirs = known["format"], known["log_id"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            found, theirs = None, None
        if found != FORMAT:
            raise Failure(
                f"{self.path} holds something else than an export",
                "give a new or an empty directory",
            )
        if theirs != log_id:
            raise Failure(
                f"{self.path} holds an export of another log, {theirs}",
                "give a new or an empty directory",
            )
