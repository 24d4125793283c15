"""events.ndjson of an export: written on, where an earlier run has ended."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from pg_evident.failure import Failure

_ID = re.compile(rb'\{"id": (-?[0-9]+),')


class Lines:
    """The file from behind one event on, or from its start.

    Lines that are there already must be the same ones: history does not change. A last
    line that is not whole, of a run that was killed, is completed. Raises Failure.
    """

    def __init__(self, path: Path, after: int | None) -> None:
        self._path = path
        self._file: BinaryIO = path.open("r+b" if path.exists() else "w+b")
        try:
            start = 0 if after is None else self._find(after)
            self._known = self._file.seek(0, os.SEEK_END) - start
            self._file.seek(start)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def write(self, line: bytes) -> None:
        if self._known:
            known = self._file.read(min(len(line), self._known))
            if not line.startswith(known):
                raise differs(self._path)
            self._known -= len(known)
            line = line[len(known) :]
        self._file.write(line)

    def flush(self) -> None:
        self._file.flush()

    def finish(self) -> None:
        """Have all of it on the disk; raises Failure when there is more in the file."""
        if self._known:
            raise differs(self._path)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _find(self, after: int) -> int:
        """Find the end of the line of an event, by halving: ids ascend."""
        low, high = 0, self._file.seek(0, os.SEEK_END)
        found = None
        while low < high:
            middle = (low + high) // 2
            # The first line that begins at `middle` or behind it.
            self._file.seek(max(middle - 1, 0))
            if middle:
                self._file.readline()
            start = self._file.tell()
            line = self._file.readline() if start < high else b""
            event = self._id(line) if line.endswith(b"\n") else None
            if event is not None and event <= after:
                low, found = start + len(line), event
            else:
                high = middle
        if found != after:
            raise differs(self._path)
        return low

    def _id(self, line: bytes) -> int:
        match = _ID.match(line)
        if match is None:
            raise differs(self._path)
        return int(match[1])


def last_event(bundle: bytes) -> int | None:
    """Read the id of the last event in a bundle of entries; None without one."""
    found = None
    while len(bundle) >= 27:
        length = int.from_bytes(bundle[:2], "big")
        # Behind the length come the 17 bytes of the format's name.
        found = int.from_bytes(bundle[19:27], "big", signed=True)
        bundle = bundle[2 + length :]
    return found


def differs(path: Path) -> Failure:
    return Failure(
        f"{path} has another history than the database",
        "export into a new directory, and compare the two: evident verify NEW"
        " --earlier OLD",
    )
