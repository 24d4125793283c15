"""Judge one leaf of which the export holds an event, an entry and a hash."""

from __future__ import annotations

from dataclasses import dataclass

from .findings import ERASED, TAMPERED, UNREADABLE, UNSUPPORTED, Findings
from .formats.entry import (
    NO_PRIVATE,
    TAIL_BYTES,
    Entry,
    EntryError,
    decode,
    differing_fields,
    is_version_1,
)
from .formats.events import EVENTS, Row
from .formats.merkle import leaf_hash


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leaf stands: its index, and the files of its entry and its hash."""

    leaf: int
    entries: str
    tile: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf after judgement.

    `hashes` are those of event, entry and tile, where one is unknown that of another;
    `entry` is the one to believe.
    """

    hashes: tuple[bytes | None, bytes | None, bytes | None]
    entry: Entry | None
    data: bytes | None


def judge(
    found: Findings,
    place: Place,
    row: Row | None,
    stored: bytes | None,
    tile: bytes | None,
) -> Leaf:
    """Compare what is known of one leaf, and report where it differs."""
    event = row.entry if row else None
    if row and event is None:
        kind = UNREADABLE if row.supported else UNSUPPORTED
        text = f"{EVENTS}: line {row.line}: {row.note}"
        found.add(kind, text, leaf=place.leaf, entry=stored)
    stored_hash = leaf_hash(stored) if stored is not None else None
    if row and event is not None:
        event = _with_withheld(found, place, row, event, stored, stored_hash == tile)
    event_hash = leaf_hash(event) if event is not None else None

    if event is not None and stored is not None and event != stored:
        if _is_foreign(found, place, stored, stored_hash == tile):
            event_hash = event = None
        else:
            _report_difference(found, place, event, stored, tile)
    elif tile is not None and {event_hash, stored_hash} - {None, tile}:
        _report_hash(found, place, event, stored)
    elif event is None and stored is not None:
        _is_foreign(found, place, stored, True)

    hashes = (event_hash, stored_hash, tile)
    believed = _believed(event, event_hash, stored, stored_hash, tile)
    known = next((each for each in (tile, *hashes) if each is not None), None)
    filled = tuple(known if each is None else each for each in hashes)
    return Leaf((filled[0], filled[1], filled[2]), _decoded(believed), believed)


def _with_withheld(
    found: Findings,
    place: Place,
    row: Row,
    event: bytes,
    stored: bytes | None,
    is_sealed: bool,
) -> bytes | None:
    """Put the hashes of withheld texts into an entry, from the stored one."""
    if stored is None or _decoded(stored) is None:
        if not row.erased:
            return event
        text = f"{EVENTS}: line {row.line}: {_list(row.erased)} withheld, and no entry"
        found.add(UNREADABLE, text, leaf=place.leaf, entry=event, fields=row.erased)
        return None
    withheld = row.erased
    tail, known = event[-TAIL_BYTES:], stored[-TAIL_BYTES:]
    payload = known[:32] if "payload" in withheld else tail[:32]
    metadata = known[32:64] if "metadata" in withheld else tail[32:64]
    private = NO_PRIVATE
    if known[64:] != NO_PRIVATE and is_sealed:
        private = known[64:]
        withheld = (*withheld, "private")
    filled = event[:-TAIL_BYTES] + payload + metadata + private
    if withheld and filled == stored:
        text = f"{_list(withheld)} withheld; the leaf is there"
        found.add(ERASED, text, leaf=place.leaf, entry=event, fields=withheld)
    return filled


def _is_foreign(found: Findings, place: Place, stored: bytes, is_sealed: bool) -> bool:
    """Report a sealed entry that this verifier cannot read."""
    if not is_sealed or _decoded(stored) is not None:
        return False
    text = f"{place.entries}: an entry of version 1 with other content"
    if not is_version_1(stored):
        line = stored.split(b"\n")[0][:40].decode("ascii", "backslashreplace")
        text = f"{place.entries}: an entry with the first line {line!r}"
    found.add(UNSUPPORTED, text, leaf=place.leaf)
    return True


def _report_difference(
    found: Findings, place: Place, event: bytes, stored: bytes, tile: bytes | None
) -> None:
    fields = differing_fields(event, stored)
    right = stored
    if tile == leaf_hash(stored):
        text = f"{EVENTS} was changed: {_list(fields)}"
        if "event_id" in fields and len(fields) > 1:
            text = f"{EVENTS} has another event in its place"
    elif tile == leaf_hash(event):
        right = event
        text = f"{place.entries} was changed: {_list(fields)}"
    elif tile is None:
        text = f"{EVENTS} and {place.entries} differ: {_list(fields)}"
    else:
        text = f"{EVENTS}, {place.entries} and {place.tile} differ: {_list(fields)}"
    found.add(TAMPERED, text, leaf=place.leaf, entry=right, fields=fields)


def _report_hash(
    found: Findings, place: Place, event: bytes | None, stored: bytes | None
) -> None:
    if event is not None and stored is not None:
        text = f"{place.tile} has another hash than event and entry"
    elif event is not None:
        text = (
            f"{EVENTS} and {place.tile} differ; without the entry the field is unknown"
        )
    else:
        text = f"{place.entries} and {place.tile} differ"
    found.add(
        TAMPERED, text, leaf=place.leaf, entry=event or stored, fields=("leaf hash",)
    )


def _believed(
    event: bytes | None,
    event_hash: bytes | None,
    stored: bytes | None,
    stored_hash: bytes | None,
    tile: bytes | None,
) -> bytes | None:
    if event is None or (tile is not None and stored_hash == tile != event_hash):
        return stored
    return event


def _decoded(data: bytes | None) -> Entry | None:
    try:
        return decode(data) if data is not None else None
    except EntryError:
        return None


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
