"""Read events from newline-delimited JSON and group them into append documents.

One line is {"aggregate_id", "type", "payload", "expected_version"?, "metadata"?,
"event_id"?}. Values are copied into the document as the file spells them, so no
digit of a number changes; what they mean is for the database to judge.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

NAMESPACE = uuid.UUID("7c1f7d0e-5b0a-5c55-9d0c-6f1a4e0b8a11")
# Payload and metadata of 1 MiB each, which escapes can make three times as long.
LONGEST_LINE = 8 * 2**20
LARGEST_DOCUMENT = 8 * 2**20

_KEYS = {"aggregate_id", "type", "payload", "expected_version", "metadata", "event_id"}
_OPEN = re.compile(r"[ \t\r\n]*\{[ \t\r\n]*(\}?)[ \t\r\n]*")
_KEY = re.compile(r'("(?:[^"\\\x00-\x1f]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_NEXT = re.compile(r"[ \t\r\n]*([,}])[ \t\r\n]*")
_INTEGER = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Line:
    """One event: its place in the file, and JSON texts as the file spells them."""

    number: int
    aggregate: str  # the key to group by: a UUID in its usual form, else as given
    aggregate_id: str
    expected_version: str | None
    event: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line was left out; `sqlstate` when it was the database that refused."""

    number: int
    reason: str
    hint: str | None = None
    sqlstate: str | None = None


class Occurrences:
    """Count how often a content has come, in about 70 bytes for each that differs."""

    def __init__(self) -> None:
        self._once: set[int] = set()
        self._again: dict[int, int] = {}

    def next(self, content: uuid.UUID) -> int:
        """Return 1 for the first time, 2 for the second, and so on."""
        # 60 bits keep the integers small; should two contents share them, their
        # numbers are still different for equal content and equal in every run.
        key = content.int & (2**60 - 1)
        if key not in self._once:
            self._once.add(key)
            return 1
        self._again[key] = self._again.get(key, 1) + 1
        return self._again[key]


def read_lines(
    stream: BinaryIO, advance: Callable[[int], object] = lambda _count: None
) -> Iterator[Line | Refusal]:
    """Parse a file line by line; `advance` is told how many bytes were read.

    Lines are numbered from 1; empty ones are skipped; one over 8 MiB is refused.
    """
    occurrences = Occurrences()
    number = 0
    while raw := stream.readline(LONGEST_LINE):
        number += 1
        advance(len(raw))
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            _skip_line(stream, advance)
            yield Refusal(
                number,
                "the line is longer than 8 MiB",
                "store the document elsewhere, and its hash in the event",
            )
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if raw.strip():
            yield parse_line(number, raw, occurrences)


def parse_line(
    number: int, raw: bytes | str, occurrences: Occurrences
) -> Line | Refusal:
    """Parse one line; an event without an event_id gets one made from its content.

    The same content has the same id in every run, and the n-th repetition within
    a file another one, so importing a file again appends nothing.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        values = _members(text)
    except UnicodeDecodeError as error:
        return Refusal(number, f"not UTF-8 at byte {error.start + 1}")
    except RecursionError:
        return Refusal(number, "nested too deeply")
    except ValueError as error:
        return Refusal(number, f"not a JSON object: {error}")
    if unknown := values.keys() - _KEYS:
        hint = "the keys are aggregate_id, type, payload, expected_version, metadata"
        names = ", ".join(sorted(unknown))[:200]
        return Refusal(number, f"unknown key: {names}", f"{hint} and event_id")
    for key in ("aggregate_id", "type", "payload"):
        if key not in values:
            return Refusal(number, f"{key} is missing")
    for key in ("expected_version", "metadata", "event_id"):
        if values.get(key) == "null":
            del values[key]

    aggregate_id = values["aggregate_id"]
    aggregate = _plain_uuid(aggregate_id)
    if "event_id" not in values:
        parts = (aggregate, values["type"], values["payload"])
        content = uuid.uuid5(NAMESPACE, "\n".join(parts))
        event_id = uuid.uuid5(content, str(occurrences.next(content)))
        values["event_id"] = f'"{event_id}"'
    event = ",".join(
        f'"{key}":{values[key]}'
        for key in ("type", "payload", "metadata", "event_id")
        if key in values
    )
    expected = values.get("expected_version")
    return Line(number, aggregate, aggregate_id, expected, f"{{{event}}}")


def batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """Cut events into lists that one document each can hold, of `size` at most.

    An entry has one expected version, its first event's: a later one of the same
    aggregate that asks for anything but the version it will get starts a new list.
    """
    batch: list[Line] = []
    entries: dict[str, tuple[Line, int]] = {}
    weight = 0
    for line in lines:
        first, count = entries.get(line.aggregate, (line, 0))
        too_heavy = weight + len(line.event) > LARGEST_DOCUMENT
        if batch and (too_heavy or (count and not _follows(first, count, line))):
            yield batch
            batch, entries, weight = [], {}, 0
            first, count = line, 0
        batch.append(line)
        entries[line.aggregate] = (first, count + 1)
        weight += len(line.event)
        if len(batch) == size:
            yield batch
            batch, entries, weight = [], {}, 0
    if batch:
        yield batch


def document(batch: list[Line]) -> str:
    """Write the JSON text for append_batch: one entry for each aggregate, in order."""
    entries: dict[str, list[Line]] = {}
    for line in batch:
        entries.setdefault(line.aggregate, []).append(line)
    return f"[{','.join(map(_entry, entries.values()))}]"


def _skip_line(stream: BinaryIO, advance: Callable[[int], object]) -> None:
    while rest := stream.readline(LONGEST_LINE):
        advance(len(rest))
        if rest.endswith(b"\n"):
            return


def _entry(lines: list[Line]) -> str:
    first = lines[0]
    expected = ""
    if first.expected_version is not None:
        expected = f'"expected_version":{first.expected_version},'
    events = ",".join(line.event for line in lines)
    return f'{{"aggregate_id":{first.aggregate_id},{expected}"events":[{events}]}}'


def _follows(first: Line, count: int, line: Line) -> bool:
    """Say whether `line` can be event number `count` (from 0) of first's entry."""
    asked, start = line.expected_version, first.expected_version
    if asked is None:
        return True
    if start is None or not (_INTEGER.fullmatch(start) and _INTEGER.fullmatch(asked)):
        return False
    return int(start) >= 0 and int(asked) == int(start) + count


def _plain_uuid(text: str) -> str:
    try:
        return str(uuid.UUID(json.loads(text)))
    except (ValueError, AttributeError, TypeError):
        return text  # the database refuses it and says why


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Numbers stay text: they are not converted here, however long they are.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant)


def _members(text: str) -> dict[str, str]:
    """Split a JSON object into its keys and the texts of their values."""
    members: dict[str, str] = {}
    found = _OPEN.match(text)
    if found is None:
        raise ValueError("no { at its start")
    while found[1] != "}":
        key = _KEY.match(text, found.end())
        if key is None:
            raise ValueError(f'no "key": at character {found.end() + 1}')
        name = json.loads(key[1]) if "\\" in key[1] else key[1][1:-1]
        if name in members:
            raise ValueError(f"the key {name[:200]} stands twice")
        start = key.end()
        try:
            _, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            reason = f"{error.msg} at character {error.pos + 1}"
            raise ValueError(reason) from None
        members[name] = text[start:end]
        found = _NEXT.match(text, end)
        if found is None:
            raise ValueError(f"no comma or }} at character {end + 1}")
    if found.end() != len(text):
        raise ValueError(f"more text after the object, at character {found.end() + 1}")
    return members
