"""The file that a relay appends to: it says itself which events it has."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pg_evident.failure import Failure
from pg_evident.relay.claims import Claim, Event
from pg_evident.steps.closing import Closing

_BLOCK = 1 << 16

# Bytes of a line with its end: documents of 1 MiB each, and what stands beside them.
# What is longer is not written, for it could not be read.
LONGEST_LINE = 4 << 20
# Buffers in one write; systems take 1,024.
_PARTS = 512

# A line's own values stand before and behind the documents, which are not read: they
# can hold numbers and nesting that no parser of JSON takes.
_HEAD = re.compile(
    rb'\{"position":([0-9]{1,19}),"partition":([0-9]{1,9}),"partitions":([0-9]{1,9}),'
    rb'(?:"retried_after":([0-9]{1,19}),"aggregate_id":"([0-9a-f-]{36})",)?'
)
_TAIL = re.compile(
    rb',"event_id":"([0-9a-f-]{36})","occurred_at":"[^"]*"'
    rb',"recorded_by":"(?:[^"\\]|\\.)*"\}$'
)
_LONGEST_TAIL = 4096


@dataclass(frozen=True)
class _Line:
    partition: int
    position: int
    partitions: int
    # Of an aggregate that waited behind a parked event and comes again.
    retried: str | None


class RelayFile(Closing):
    """One process's own while it is open; lines in it are whole and on the disk.

    `last` is the newest position of each partition, and `retried` that of each
    aggregate which waited behind a parked event and came again, below others.

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
            self.retried: dict[str, int] = {}
            if is_new:
                _sync_folder(path)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def unconfirmed(self, confirmed: Mapping[int, int]) -> Iterator[tuple[int, str]]:
        """Give position and event_id of all lines above each partition's position.

        From the end; each partition's last line is among them in any case.
        """
        unfinished = set(self.last)
        for text in _lines_backwards(self._file, self.path):
            line = _parse(text, self.path)
            if line.partition in unfinished:
                yield line.position, _event_id(text, self.path)
                if line.retried is None and line.position <= confirmed.get(
                    line.partition, 0
                ):
                    unfinished.remove(line.partition)
            if not unfinished:
                return

    def recall(self, retried: Iterable[tuple[int, str, int]]) -> None:
        """Find what was written of aggregates that come again, from the end.

        (partition, aggregate, how far the partition was when it was retried): the
        lines are behind the partition's last one that far.
        """
        after: dict[int, int] = {}
        wanted = set()
        for partition, aggregate, position in retried:
            wanted.add(aggregate)
            after[partition] = min(position, after.get(partition, position))
        if not wanted:
            return
        for text in _lines_backwards(self._file, self.path):
            line = _parse(text, self.path)
            if line.partition not in after:
                continue
            if line.retried in wanted:
                self.retried.setdefault(str(line.retried), line.position)
            elif line.retried is None and line.position <= after[line.partition]:
                del after[line.partition]
                if not after:
                    return

    def has(self, claim: Claim, event: Event) -> bool:
        """Say whether a claimed event is there."""
        if claim.retried_after is None:
            return event.position <= self.last.get(claim.partition, 0)
        return event.position <= self.retried.get(event.aggregate, 0)

    def append(self, claim: Claim, events: Sequence[Event]) -> int:
        """Append the lines of those events that are not there yet, and count them.

        Raises Failure, with nothing written, for a line that could not be read again.
        """
        new = [each for each in events if not self.has(claim, each)]
        lines = [line_of(claim, each) for each in new]
        for event, line in zip(new, lines, strict=True):
            if len(line) > LONGEST_LINE:
                raise Failure(
                    f"event {event.position} takes {len(line):,} bytes as a line, more"
                    f" than the {LONGEST_LINE:,} that are read again",
                    "park it: evident relay --park-after 3",
                )
        if new:
            _write(self._file, lines)
            os.fsync(self._file.fileno())
            if claim.retried_after is None:
                self.last[claim.partition] = new[-1].position
            else:
                self.retried[new[-1].aggregate] = new[-1].position
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


def line_of(claim: Claim, event: Event) -> bytes:
    """Give the line of a claimed event; it says whether the event comes again."""
    line = event.line or b""
    if claim.retried_after is None:
        return line
    head = _HEAD.match(line)
    assert head is not None
    mark = b'"retried_after":%d,' % claim.retried_after
    return line[: head.end()] + mark + line[head.end() :]


def _write(file: BinaryIO, lines: Sequence[bytes]) -> None:
    """Write the lines as they are, without making them into one first."""
    rest: list[memoryview] = [memoryview(line) for line in lines]
    rest.reverse()
    while rest:
        written = os.writev(file.fileno(), rest[: -_PARTS - 1 : -1])
        while rest and written >= len(rest[-1]):
            written -= len(rest.pop())
        if written:
            rest[-1] = rest[-1][written:]


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
    for text in _lines_backwards(file, path):
        line = _parse(text, path)
        if line.partitions != partitions:
            raise Failure(
                f"{path} was written for {line.partitions} partitions, the consumer has"
                f" {partitions}",
                "name another file",
            )
        if line.retried is None:
            found.setdefault(line.partition, line.position)
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
        if stop - start > LONGEST_LINE:
            raise _foreign(path)
        file.seek(start)
        yield file.read(stop - start)
        stop = before


def _parse(line: bytes, path: Path) -> _Line:
    """Read what stands before a line's documents."""
    head = _HEAD.match(line)
    if head is None:
        raise _foreign(path)
    position, partition, partitions = map(int, head.groups()[:3])
    retried = head[5]
    return _Line(
        partition, position, partitions, None if retried is None else retried.decode()
    )


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
