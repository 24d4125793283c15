"""Lines of events.ndjson as entries; payload and metadata stay the text they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from struct import error as StructError
from typing import Any, NamedTuple

from .entry import FIELDS, FIRST_LINE, HEAD, LENGTH, NO_PRIVATE
from .times import parse_exact

# The private data behind the commitment is in no line.
KEYS = frozenset(FIELDS) - {"private"}
# Whoever may append may append to the log's own aggregate, without end.
MOST_OWN = 1000
_NO_HASH = bytes(32)
_decoder = json.JSONDecoder(object_pairs_hook=list)
# The C scanner itself, without the search for blanks around the value.
_scan = _decoder.scan_once  # type: ignore[attr-defined]


class Row(NamedTuple):
    """One line or one stored entry.

    `entry` is None where it could not be read, and `note` says why; else `erased`
    names the fields whose text is withheld: their hashes are zero bytes in `entry`.
    """

    entry: bytes | None
    id: int = 0
    aggregate: bytes = b""
    version: int = 0
    occurred_at: int = 0
    erased: tuple[str, ...] = ()
    line: int = 0
    note: str = ""
    supported: bool = True


class OwnEvent(NamedTuple):
    """An event about the log itself, as it stands in the export."""

    line: int
    event_type: str
    recorded_by: str
    occurred_at: int
    payload: str | None


def read_rows(
    lines: Iterable[bytes], log_id: bytes | None, own: list[OwnEvent]
) -> Iterator[Row]:
    """Read lines into rows; events of the aggregate `log_id` are also put into `own`.

    This is the hot loop: it parses a line once and builds its entry at once.
    """
    texts: dict[str, bytes] = {}
    metadata_text, metadata_hash = None, _NO_HASH
    pack, moment, join, new = HEAD.pack, parse_exact, b"".join, tuple.__new__
    scan = _scan
    none: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        try:
            text = str(line, "utf-8")
            pairs, end = scan(text, 0)
            if text[end:] != "\n":
                pairs = _decoder.decode(text)
            event = dict(pairs)
            if len(event) != 9 or len(pairs) != 9:
                raise _shape(event, len(pairs))
            event_id, aggregate = event["event_id"], event["aggregate_id"]
            occurred, version = event["occurred_at"], event["version"]
            event_type, recorded_by = event["event_type"], event["recorded_by"]
            at = moment(occurred) if type(occurred) is str else _integer(occurred)
            raw_id = bytes.fromhex(event_id.replace("-", ""))
            raw = bytes.fromhex(aggregate.replace("-", ""))
            if not len(event_id) == len(aggregate) == 36 or not (
                event_id[8] == event_id[13] == event_id[18] == event_id[23] == "-"
                and aggregate[8] == aggregate[13] == "-"
                and aggregate[18] == aggregate[23] == "-"
            ):
                raise ValueError("a uuid of another form")
            if type(version) is not int or type(event["id"]) is not int:
                raise ValueError("id or version is not an integer")
            first = texts.get(event_type) or _text(texts, event_type)
            second = texts.get(recorded_by) or _text(texts, recorded_by)
            payload, metadata = event["payload"], event["metadata"]
            erased = none
            if payload is None:
                payload_hash = _NO_HASH
                erased = ("payload",)
            else:
                payload_hash = sha256(payload.encode()).digest()
            if metadata is None:
                erased = (*erased, "metadata")
                metadata_text, metadata_hash = None, _NO_HASH
            elif metadata != metadata_text:
                metadata_text = metadata
                metadata_hash = sha256(metadata.encode()).digest()
            head = pack(FIRST_LINE, event["id"], raw_id, raw, version, at)
            entry = join((head, first, second, payload_hash, metadata_hash, NO_PRIVATE))
            if raw == log_id and len(own) < MOST_OWN:
                own.append(OwnEvent(number, event_type, recorded_by, at, payload))
            yield new(
                Row, (entry, event["id"], raw, version, at, erased, number, "", True)
            )
        except UnsupportedLine as error:
            yield Row(None, line=number, note=str(error), supported=False)
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            StructError,
            RecursionError,
            StopIteration,
        ) as error:
            yield Row(None, line=number, note=_reason(error))


class UnsupportedLine(Exception):
    """The line is an event in a form that this verifier does not know."""


def _shape(event: dict[str, Any], count: int) -> Exception:
    if count != len(event):
        return ValueError("a key stands twice")
    missing = sorted(KEYS - event.keys())
    if missing:
        return ValueError(f"no {', '.join(missing)}")
    more = ", ".join(sorted(event.keys() - KEYS))[:80]
    return UnsupportedLine(f"fields that this verifier does not know: {more}")


def _integer(value: object) -> int:
    if type(value) is not int:
        raise ValueError("occurred_at is neither text nor an integer")
    return value


def _text(texts: dict[str, bytes], text: str) -> bytes:
    """Write a text with its length before it, and keep it for the next line."""
    if type(text) is not str:
        raise ValueError("event_type or recorded_by is not text")
    if len(texts) > 10_000:
        texts.clear()
    data = text.encode()
    texts[text] = LENGTH.pack(len(data)) + data
    return texts[text]


def _reason(error: Exception) -> str:
    if isinstance(error, (json.JSONDecodeError, StopIteration)):
        return "not a line of JSON"
    if isinstance(error, UnicodeError):
        return "not UTF-8 text"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, StructError):
        return "a number out of range"
    if isinstance(error, ValueError):
        return str(error)[:120]
    return "not an event"
