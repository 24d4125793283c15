"""Verify the proof of one event: a tlog-proof of C2SP and the event beside it."""

from __future__ import annotations

import time
from pathlib import Path

from .findings import TAMPERED, UNREADABLE, UNSUPPORTED, Findings
from .formats.entry import TAIL_BYTES, uuid_text
from .formats.events import LONGEST_LINE, read_rows
from .formats.files import FileError, Folder, read_file
from .formats.merkle import leaf_hash, proves_inclusion
from .formats.note import (
    BAD_SIGNATURE,
    MAX_NOTE_BYTES,
    TRUSTED,
    Keys,
    NoteError,
    check_signature,
    from_base64,
    parse_checkpoint,
    parse_note,
    parse_number,
)
from .kept import Kept
from .report import Report

FIRST_LINE = "c2sp.org/tlog-proof@v1"
# A path has no more hashes than a tree of 2^63 leaves has levels.
MAX_HASHES = 63


def verify_proof(path: Path, event: Path | None, keys: Keys) -> Report:
    """Verify a proof file; the event is by default the .json beside it."""
    started = time.monotonic()
    found = Findings()
    report = Report(str(path), found)
    if not keys:
        found.add(UNSUPPORTED, "no key was given: nobody vouches for the checkpoint")
    entry = _read_event(event, path.with_suffix(".json"), found)
    try:
        index, hashes, signed = parse_proof(read_file(path, MAX_NOTE_BYTES))
        note = parse_note(signed)
        checkpoint = parse_checkpoint(note.text)
    except (FileError, NoteError) as error:
        found.add(UNREADABLE, f"{path}: {error}")
        return report
    trust, signers = check_signature(note, keys)
    if trust == BAD_SIGNATURE:
        text = f"{path}: the signature of {signers[0]} is not over this checkpoint"
        found.add(TAMPERED, text, fields=("signature",))
    elif trust != TRUSTED and keys:
        found.add(UNSUPPORTED, f"{path}: signed by no key that was given")
    report.own = Kept(str(path), checkpoint, trust, signers, is_own=True)
    if entry is not None:
        size, root = checkpoint.size, checkpoint.root
        fits = proves_inclusion(leaf_hash(entry), index, size, hashes, root)
        report.own.fits = fits
        report.own.status = "agrees" if fits else "differs"
        report.checked = 1
        report.root = root
        if not fits:
            text = "the proof does not lead from this event to the root"
            found.add(TAMPERED, text, leaf=index, entry=entry)
        report.event_id = uuid_text(entry[25:41])
        report.notes.append(f"leaf {index:,} of {size:,}")
    report.seconds = time.monotonic() - started
    return report


def parse_proof(data: bytes) -> tuple[int, list[bytes], bytes]:
    """Read index, hashes and signed checkpoint of a proof; NoteError if it is none."""
    head, gap, signed = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise NoteError("not a proof") from error
    if not gap or lines[0] != FIRST_LINE:
        raise NoteError("not a proof of a known version")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]
    if len(lines) < 2 or not lines[1].startswith("index "):
        raise NoteError("a proof without an index")
    index = parse_number(lines[1].removeprefix("index "))
    if len(lines) - 2 > MAX_HASHES:
        raise NoteError("a proof with too many hashes")
    hashes = [from_base64(line) for line in lines[2:]]
    if any(len(each) != 32 for each in hashes):
        raise NoteError("a proof with a hash of a wrong length")
    return index, hashes, signed


def _read_event(given: Path | None, beside: Path, found: Findings) -> bytes | None:
    path = given or beside
    try:
        if given is not None:
            data = read_file(given, LONGEST_LINE)
        else:
            # Nobody named this one, so no link is followed.
            with Folder(beside.parent) as folder:
                data = folder.read(beside.name, LONGEST_LINE)
        lines = data.split(b"\n", 2)
    except FileError as error:
        found.add(UNREADABLE, f"{path}: {error}")
        return None
    rows = list(read_rows([each for each in lines if each]))
    if len(rows) != 1:
        found.add(UNREADABLE, f"{path}: {len(rows)} lines instead of 1")
        return None
    row = rows[0]
    if row.entry is None:
        found.add(UNREADABLE if row.supported else UNSUPPORTED, f"{path}: {row.note}")
        return None
    if row.erased:
        text = f"{path}: {', '.join(row.erased)} withheld, so there is no leaf hash"
        found.add(UNREADABLE, text, entry=row.entry[:-TAIL_BYTES] + bytes(TAIL_BYTES))
        return None
    return row.entry
