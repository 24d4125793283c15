"""What an export says about itself: tree-heads.ndjson and log.json, both unsigned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .note import from_base64
from .times import parse

LOG_FORMAT = "evident.export.v1"


@dataclass(frozen=True, slots=True)
class Head:
    """A tree head that the database kept; `sealed_at` in microseconds since 2000."""

    size: int
    root: bytes
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
    """The tree heads of an export in order, with a look ahead of one."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self._heads = _read(folder / "tree-heads.ndjson", report)
        self.next: Head | None = next(self._heads, None)

    def up_to(self, size: int) -> Iterator[Head]:
        """Take the heads up to a tree size."""
        while self.next is not None and self.next.size <= size:
            yield self.next
            self.next = next(self._heads, None)


def read_log(folder: Path, report: Callable[[str], None]) -> list[Incarnation]:
    """Read the incarnations of log.json; `report` takes what is wrong with it."""
    try:
        log = json.loads((folder / "log.json").read_text(encoding="utf-8"))
        if log["format"] != LOG_FORMAT:
            report(f"log.json: format {str(log['format'])[:80]}")
            return []
        return [_incarnation(each) for each in log["incarnations"]]
    except FileNotFoundError:
        report("log.json: missing")
    except OSError as error:
        report(f"log.json: {error.strerror}")
    except (ValueError, TypeError, KeyError, RecursionError):
        report("log.json: not of its form")
    return []


def _incarnation(given: dict[str, Any]) -> Incarnation:
    return Incarnation(
        int(given["incarnation"]),
        str(given["name"]),
        str(given["reason"]),
        str(given["begun_at"]),
        str(given["begun_by"]),
        int(given["tree_size"]),
    )


def _read(path: Path, report: Callable[[str], None]) -> Iterator[Head]:
    try:
        with path.open("rb") as stream:
            size = 0
            for number, line in enumerate(stream, 1):
                try:
                    head = _head(line)
                except (ValueError, TypeError, KeyError, RecursionError):
                    report(f"{path.name}: line {number} is no tree head")
                    return
                if head.size < size:
                    report(f"{path.name}: line {number} has a smaller tree_size")
                    return
                size = head.size
                yield head
    except FileNotFoundError:
        report(f"{path.name}: missing")
    except OSError as error:
        report(f"{path.name}: {error.strerror}")


def _head(line: bytes) -> Head:
    given = json.loads(line)
    size, root = given["tree_size"], from_base64(given["root_hash"])
    if type(size) is not int or len(root) != 32:
        raise ValueError("not a tree head")
    return Head(size, root, parse(given["sealed_at"]))
