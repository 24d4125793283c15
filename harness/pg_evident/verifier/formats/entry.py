"""The bytes of a leaf, version 1: read, written and compared field by field."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from uuid import UUID

FIRST_LINE = b"evident.event.v1\n"
HEAD = Struct(">17sq16s16siq")
LENGTH = Struct(">i")
TAIL_BYTES = 96
NO_PRIVATE = bytes(32)

FIELDS = (
    "id",
    "event_id",
    "aggregate_id",
    "version",
    "occurred_at",
    "event_type",
    "recorded_by",
    "payload",
    "metadata",
    "private",
)


class EntryError(ValueError):
    """The bytes are not an entry of version 1."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the tree knows it.

    `occurred_at` counts microseconds since 2000-01-01 UTC; payload and metadata are
    sha256 hashes; `private` is a commitment, 32 zero bytes for none.
    """

    id: int
    event_id: bytes
    aggregate_id: bytes
    version: int
    occurred_at: int
    event_type: bytes
    recorded_by: bytes
    payload: bytes
    metadata: bytes
    private: bytes


def encode(entry: Entry) -> bytes:
    """Write an entry as the bytes of its leaf."""
    return b"".join(
        (
            HEAD.pack(
                FIRST_LINE,
                entry.id,
                entry.event_id,
                entry.aggregate_id,
                entry.version,
                entry.occurred_at,
            ),
            LENGTH.pack(len(entry.event_type)),
            entry.event_type,
            LENGTH.pack(len(entry.recorded_by)),
            entry.recorded_by,
            entry.payload,
            entry.metadata,
            entry.private,
        )
    )


def is_version_1(data: bytes) -> bool:
    """Say whether the first line is that of version 1."""
    return data.startswith(FIRST_LINE)


def decode(data: bytes) -> Entry:
    """Read the bytes of a leaf; EntryError when they are not exactly one entry."""
    if not is_version_1(data):
        raise EntryError("another first line")
    try:
        _, number, event_id, aggregate_id, version, occurred_at = HEAD.unpack_from(data)
        event_type, position = _text(data, HEAD.size)
        recorded_by, position = _text(data, position)
    except Exception as error:
        raise EntryError("too short") from error
    tail = data[position:]
    if len(tail) != TAIL_BYTES:
        raise EntryError("a wrong length")
    return Entry(
        number,
        event_id,
        aggregate_id,
        version,
        occurred_at,
        event_type,
        recorded_by,
        tail[:32],
        tail[32:64],
        tail[64:],
    )


def differing_fields(left: bytes, right: bytes) -> tuple[str, ...]:
    """Name the fields in which two entries differ, `bytes` when one is no entry."""
    try:
        one, other = decode(left), decode(right)
    except EntryError:
        return ("bytes",)
    return tuple(name for name in FIELDS if getattr(one, name) != getattr(other, name))


def uuid_text(raw: bytes) -> str:
    """Write 16 bytes as a uuid."""
    return str(UUID(bytes=raw))


def _text(data: bytes, position: int) -> tuple[bytes, int]:
    (length,) = LENGTH.unpack_from(data, position)
    position += LENGTH.size
    if length < 0 or position + length > len(data):
        raise EntryError("a length that does not fit")
    return data[position : position + length], position + length
