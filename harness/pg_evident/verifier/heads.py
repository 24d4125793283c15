"""What an export says about itself: tree-heads.ndjson and log.json, both unsigned."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .formats.documents import integer, parse_object, text
from .formats.files import FileError, Folder, reason
from .formats.note import Checkpoint, from_base64
from .formats.times import parse

LOG_FORMAT = "evident.export.v1"
LOG, HEADS = "log.json", "tree-heads.ndjson"

# Bytes; a line of a tree head has about 200.
LARGEST_LOG = 4 * 2**20
LONGEST_HEAD, MOST_PARTS = 2**12, 32
# Tree heads that a log may have beside one for each leaf: the daily ones.
IDLE_HEADS = 100_000


@dataclass(frozen=True, slots=True)
class Head:
    """A tree head that the database kept; `sealed_at` in microseconds since 2000."""

    number: int
    size: int
    root: bytes
    last_event_id: int
    sealed_at: int


@dataclass(frozen=True, slots=True)
class Incarnation:
    """A beginning of the log's history, after a restore or a failover."""

    incarnation: int
    name: str
    reason: str
    begun_at: str
    begun_by: str
    tree_size: int


class Heads:
    """The tree heads of an export in order, with a look ahead of one.

    `report` takes what cannot be read, `missing` what is not there: heads are numbered
    from 1 without a gap.
    """

    def __init__(
        self,
        folder: Folder,
        size: int,
        report: Callable[[str], None],
        missing: Callable[[str], None],
    ) -> None:
        self._heads = _read(folder, size, report, missing)
        self.next: Head | None = next(self._heads, None)

    def up_to(self, size: int) -> Iterator[Head]:
        """Take the heads up to a tree size."""
        while self.next is not None and self.next.size <= size:
            yield self.next
            self.next = next(self._heads, None)


def read_log(
    folder: Folder, own: Checkpoint, report: Callable[[str], None]
) -> list[Incarnation]:
    """Read the incarnations of log.json; `report` takes what is wrong with it."""
    try:
        log = parse_object(folder.read(LOG, LARGEST_LOG))
        if log["format"] != LOG_FORMAT:
            report(f"{LOG}: format {str(log['format'])[:80]}")
            return []
        if (log["log_id"], log["tree_size"]) != (own.log_id, own.size):
            report(f"{LOG}: of another log or size than the checkpoint")
        if not isinstance(log["incarnations"], list):
            raise ValueError("no incarnations")
        return [_incarnation(each) for each in log["incarnations"]]
    except FileError as error:
        report(f"{LOG}: {error}")
    except (ValueError, TypeError, KeyError):
        report(f"{LOG}: not of its form")
    return []


def _incarnation(given: dict[str, Any]) -> Incarnation:
    return Incarnation(
        integer(given["incarnation"]),
        text(given["name"]),
        text(given["reason"]),
        text(given["begun_at"]),
        text(given["begun_by"]),
        integer(given["tree_size"]),
    )


def _read(
    folder: Folder,
    tree_size: int,
    report: Callable[[str], None],
    missing: Callable[[str], None],
) -> Iterator[Head]:
    most = tree_size + IDLE_HEADS
    try:
        with folder.open(HEADS, most * LONGEST_HEAD) as stream:
            yield from _heads(stream, most, report, missing)
    except FileError as error:
        report(f"{HEADS}: {error}")
    except OSError as error:
        report(f"{HEADS}: {reason(error)}")


def _heads(
    stream: io.BufferedReader,
    most: int,
    report: Callable[[str], None],
    missing: Callable[[str], None],
) -> Iterator[Head]:
    size, at = 0, 1
    for place in range(most):
        line = stream.readline(LONGEST_HEAD)
        if not line:
            return
        try:
            head = _head(line)
        except (ValueError, TypeError, KeyError):
            report(f"{HEADS}: line {place + 1} is no tree head")
            return
        if head.size < size or head.number < at:
            report(f"{HEADS}: line {place + 1} does not follow the one before")
            return
        if head.number > at:
            names = f"head {at:,} is"
            if head.number > at + 1:
                names = f"heads {at:,} to {head.number - 1:,} are"
            missing(f"{HEADS}: tree {names} missing")
        size, at = head.size, head.number + 1
        yield head
    report(f"{HEADS}: more than {most:,} lines")


def _head(line: bytes) -> Head:
    given = parse_object(line, MOST_PARTS)
    size, root = integer(given["tree_size"]), from_base64(given["root_hash"])
    number, last = integer(given["number"]), integer(given["last_event_id"])
    if not line.endswith(b"\n") or min(size, number) < 0 or len(root) != 32:
        raise ValueError("not a tree head")
    return Head(number, size, root, last, parse(text(given["sealed_at"])))
