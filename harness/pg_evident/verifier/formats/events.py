"""Lines of events.ndjson as entries; payload and metadata stay the text they are."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from struct import error as StructError
from typing import Any, NamedTuple

from .entry import FIELDS, FIRST_LINE, HEAD, LENGTH, NO_PRIVATE
from .own_events import OWN_AGGREGATE, OwnEvents
from .times import parse_exact

EVENTS = "events.ndjson"
# Bytes of a line: payload and metadata are 1 MiB each, before they are escaped.
LONGEST_LINE = 8 * 2**20
# A value in a value costs time: a line of more characters is looked at beforehand, and
# any behind so many bytes of bad ones.
_LONG, _MANY = 2**16, 2**20
_MOST_STRINGS, _MOST_BETWEEN = 64, 100
# Of lines that are no events so many, or so many bytes, are looked at.
MOST_BAD, MOST_BAD_BYTES = 10_000, 16 * 2**20
# The private data behind the commitment is in no line.
KEYS = frozenset(FIELDS) - {"private"}
_MOST_TEXTS = 1000
# What the two bytes before a stored entry can count.
MOST_TEXT_BYTES = 0xFFFF
_TOO_LONG = f"longer than {LONGEST_LINE:,} bytes"
_NOT_FLAT = "not an object of texts and numbers"
_NO_HASH = bytes(32)
_BRACE = ord("{")
_decoder = json.JSONDecoder(object_pairs_hook=list)
# The C scanner itself, without the search for blanks around the value.
_scan = _decoder.scan_once  # type: ignore[attr-defined]
_scan_text = json.decoder.scanstring  # type: ignore[attr-defined]


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


def most_lines(size: int) -> int:
    """Say how many lines the events of a tree have at most, unsealed ones included."""
    return min(2 * size + 100_000, 2**62)


def most_bytes(size: int) -> int:
    """Say how large the events of a tree are at most."""
    return (size + 16) * LONGEST_LINE


def read_lines(stream: io.BufferedReader) -> Iterator[bytes]:
    """Give the lines of a file; of a longer one a beginning that shows it is."""
    return iter(functools.partial(stream.readline, LONGEST_LINE + 1), b"")


def read_rows(
    lines: Iterable[bytes], own: OwnEvents | None = None, most: int | None = None
) -> Iterator[Row]:
    """Read lines into rows, at most so many; `own` sees events of the store itself.

    This is the hot loop: it parses a line once and builds its entry at once. Lines
    without end, or too many that are no events, end it with a row that says so.
    """
    source = iter(lines)
    bad = bad_bytes = number = 0
    texts: dict[str, bytes] = {}
    metadata_text, metadata_hash = None, _NO_HASH
    pack, moment, join, new = HEAD.pack, parse_exact, b"".join, tuple.__new__
    scan = _scan
    none: tuple[str, ...] = ()
    for number, line in enumerate(islice(source, most), 1):
        try:
            text = str(line, "utf-8")
            if line[0] != _BRACE:
                # Pairs in an array would pass for an object.
                raise ValueError("not an object")
            if (len(text) > _LONG or bad_bytes > _MANY) and not _is_flat(text):
                raise ValueError(_TOO_LONG if len(line) > LONGEST_LINE else _NOT_FLAT)
            pairs, end = scan(text, 0)
            if text[end:] != "\n":
                if len(line) > LONGEST_LINE:
                    raise ValueError(_TOO_LONG)
                pairs = _decoder.decode(text)
            event = dict(pairs)
            if len(event) != 9 or len(pairs) != 9:
                raise _shape(event, len(pairs))
            event_id, aggregate = event["event_id"], event["aggregate_id"]
            occurred, version = event["occurred_at"], event["version"]
            event_type, recorded_by = event["event_type"], event["recorded_by"]
            at = moment(occurred) if type(occurred) is str else _integer(occurred)
            hex_id, hex_aggregate = (
                event_id.replace("-", ""),
                aggregate.replace("-", ""),
            )
            raw_id, raw = bytes.fromhex(hex_id), bytes.fromhex(hex_aggregate)
            if (
                not len(event_id) == len(aggregate) == 36
                or not (
                    event_id[8] == event_id[13] == event_id[18] == event_id[23] == "-"
                    and aggregate[8] == aggregate[13] == "-"
                    and aggregate[18] == aggregate[23] == "-"
                )
                # One spelling: lower case, and no blanks.
                or raw_id.hex() != hex_id
                or raw.hex() != hex_aggregate
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
            if raw == OWN_AGGREGATE and own is not None:
                own.see(number, event_type, recorded_by, at, payload)
            yield new(
                Row, (entry, event["id"], raw, version, at, erased, number, "", True)
            )
        except (
            UnsupportedLine,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            StructError,
            RecursionError,
            StopIteration,
        ) as error:
            is_long = len(line) > LONGEST_LINE
            note = _TOO_LONG if is_long else _reason(error)
            is_known = is_long or not isinstance(error, UnsupportedLine)
            yield Row(None, line=number, note=note, supported=is_known)
            bad, bad_bytes = bad + 1, bad_bytes + len(line)
            if is_long:
                return
            if bad > MOST_BAD or bad_bytes > MOST_BAD_BYTES:
                yield Row(None, line=number, note="too many lines that are no events")
                return
    if most is not None and next(source, None) is not None:
        text = f"more than {most:,} lines, too many for the tree"
        yield Row(None, line=number + 1, note=text)


def _is_flat(text: str) -> bool:
    """Say whether an object has few names and values, and no value within a value."""
    at = 1
    for _ in range(_MOST_STRINGS):
        start = text.find('"', at)
        between = text[at : start if start >= 0 else len(text)]
        if len(between) > _MOST_BETWEEN or "[" in between or "{" in between:
            return False
        if start < 0:
            return True
        _, at = _scan_text(text, start + 1)
    return False


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
    if len(texts) >= _MOST_TEXTS:
        texts.clear()
    data = text.encode()
    if len(data) > MOST_TEXT_BYTES:
        raise ValueError("event_type or recorded_by does not fit into an entry")
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
    if isinstance(error, (ValueError, UnsupportedLine)):
        return str(error)[:120]
    return "not an event"
