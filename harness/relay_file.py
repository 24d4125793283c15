"""The file that a relay appends to: it says itself which events it has."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from harness.database import Failure

_BLOCK = 1 << 16

# Documents of 1 MiB each, and what stands beside them.
_LONGEST_LINE = 4 << 20

# A line's own values stand before and behind the documents, which are not read: they
# can hold numbers and nesting that no parser of JSON takes.
_HEAD = re.compile(
    rb'\{"position":([0-9]{1,19}),"partition":([0-9]{1,9}),"partitions":([0-9]{1,9}),'
)
_TAIL = re.compile(
    rb',"event_id":"([0-9a-f-]{36})","occurred_at":"[^"]*"'
    rb',"recorded_by":"(?:[^"\\]|\\.)*"\}$'
)
_LONGEST_TAIL = 4096


class RelayFile:
    """One process's own while it is open; lines in it are whole and on the disk.

    Raises Failure when another process has it, or when its lines are not a relay's of
    as many partitions: the last position of a partition would mean something else.
    """

    def __init__(self, path: Path, partitions: int) -> None:
        self.path = path
        is_new = not path.exists()
        self._file: BinaryIO = path.open("a+b", buffering=0)
        try:
            self._lock(path)
            self._heal()
            self.last = _last_positions(self._file, path, partitions)
            if is_new:
                _sync_folder(path)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RelayFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def unconfirmed(self, confirmed: Mapping[int, int]) -> Iterator[tuple[int, str]]:
        """Give position and event_id of all lines above each partition's position.

        From the end; each partition's last line is among them in any case.
        """
        unfinished = set(self.last)
        for line in _lines_backwards(self._file, self.path):
            partition, position, _ = _parse(line, self.path)
            if partition in unfinished:
                yield position, _event_id(line, self.path)
                if position <= confirmed.get(partition, 0):
                    unfinished.remove(partition)
            if not unfinished:
                return

    def append(self, partition: int, lines: Sequence[tuple[int, bytes]]) -> int:
        """Append those lines whose position is not there yet, and count them."""
        last = self.last.get(partition, 0)
        new = [line for position, line in lines if position > last]
        if new:
            _write(self._file, b"".join(line + b"\n" for line in new))
            os.fsync(self._file.fileno())
            self.last[partition] = lines[-1][0]
        return len(new)

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another relay writes to {path}") from None

    def _heal(self) -> None:
        """Cut off a last line that is not whole: its event was never confirmed.

        What is whole may not be on the disk yet, and is about to be taken as done.
        """
        end = self._file.seek(0, os.SEEK_END)
        whole = next((at + 1 for at in _newlines(self._file, end)), 0)
        if whole < end:
            self._file.truncate(whole)
        os.fsync(self._file.fileno())


def _write(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _newlines(file: BinaryIO, end: int) -> Iterator[int]:
    """Give the places of the line ends, the last one first."""
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        block = file.read(end - start)
        at = block.rfind(b"\n")
        while at >= 0:
            yield start + at
            at = block.rfind(b"\n", 0, at)
        end = start


def _last_positions(file: BinaryIO, path: Path, partitions: int) -> dict[int, int]:
    """Read the newest position of each partition, from the end of the file."""
    found: dict[int, int] = {}
    for line in _lines_backwards(file, path):
        partition, position, count = _parse(line, path)
        if count != partitions:
            raise Failure(
                f"{path} was written for {count} partitions, the consumer has"
                f" {partitions}",
                "name another file",
            )
        found.setdefault(partition, position)
        if len(found) == partitions:
            break
    return found


def _lines_backwards(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Give the lines without their ends, the last one first."""
    places = _newlines(file, file.seek(0, os.SEEK_END))
    stop = next(places, None)
    while stop is not None:
        before = next(places, None)
        start = 0 if before is None else before + 1
        if stop - start > _LONGEST_LINE:
            raise _foreign(path)
        file.seek(start)
        yield file.read(stop - start)
        stop = before


def _parse(line: bytes, path: Path) -> tuple[int, int, int]:
    """Read the partition, the position and the number of partitions of a line."""
    head = _HEAD.match(line)
    if head is None:
        raise _foreign(path)
    position, partition, count = map(int, head.groups())
    return partition, position, count


def _event_id(line: bytes, path: Path) -> str:
    tail = _TAIL.search(line, max(0, len(line) - _LONGEST_TAIL))
    if tail is None:
        raise _foreign(path)
    return tail[1].decode()


def _foreign(path: Path) -> Failure:
    return Failure(
        f"{path} has a line that is no event of a relay", "name another file"
    )


def _sync_folder(path: Path) -> None:
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
