"""Checkpoints: the export's own and those that somebody kept outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .files import FileError, Folder, read_file
from .findings import TAMPERED, UNREADABLE, UNSUPPORTED, Findings
from .note import (
    BAD_SIGNATURE,
    MAX_NOTE_BYTES,
    UNKNOWN_KEY,
    Checkpoint,
    Keys,
    NoteError,
    check_signature,
    parse_checkpoint,
    parse_note,
)

AGREES = "agrees"
DIFFERS = "differs"
LARGER = "not in the export"
SKIPPED = "newer than the export"
NOT_REPRODUCED = "not reproduced"
GIVEN_UP = "lost, as accepted"
OTHER_LOG = "of another log"
UNTRUSTED = "no trusted signature"
REFUSED = "bad signature"

CHECKPOINT, KEPT = "checkpoint", ".checkpoint"


@dataclass(slots=True)
class Kept:
    """A checkpoint, where it was found, who signed it, and what it turned out to be.

    `sealed_at`, in microseconds since 2000, comes from the tree heads where known;
    `fits` says whether its root is the one that was recomputed at its size. Of one that
    is not reproduced, `base` leaves are those of an earlier one that is.
    """

    file: str
    checkpoint: Checkpoint
    trust: str
    signers: tuple[str, ...]
    is_own: bool = False
    fits: bool | None = None
    status: str = ""
    sealed_at: int | None = None
    base: int = 0


def load_own(folder: Folder, keys: Keys, found: Findings) -> Kept | None:
    """Read the checkpoint of an export."""
    own = _load(folder, CHECKPOINT, CHECKPOINT, keys, found)
    if own is not None:
        own.is_own = True
    return own


def load_kept(places: Iterable[Path], keys: Keys, found: Findings) -> list[Kept]:
    """Read checkpoints of folders and files, each once however often it was kept."""
    kept: dict[tuple[Checkpoint, str], Kept] = {}
    for place in places:
        for one in _load_place(place, keys, found):
            kept.setdefault((one.checkpoint, one.trust), one)
    return list(kept.values())


def load_earlier(folder: Folder, keys: Keys, found: Findings) -> Kept | None:
    """Read the checkpoint of an earlier export."""
    return _load(folder, CHECKPOINT, str(folder.path / CHECKPOINT), keys, found)


def _load_place(place: Path, keys: Keys, found: Findings) -> Iterator[Kept]:
    if not place.is_dir():
        try:
            data = read_file(place, MAX_NOTE_BYTES)
        except FileError as error:
            found.add(UNREADABLE, f"{place}: {error}")
            return
        if (one := _parse(data, str(place), keys, found)) is not None:
            yield one
        return
    try:
        with Folder(place) as folder:
            names = list(folder.names(KEPT))
            names += [CHECKPOINT] if folder.exists(CHECKPOINT) else []
            if not names:
                found.add(UNREADABLE, f"{place}: holds no checkpoint")
            for name in names:
                one = _load(folder, name, str(place / name), keys, found)
                if one is not None:
                    yield one
    except FileError as error:
        found.add(UNREADABLE, f"{place}: {error}")


def _load(
    folder: Folder, file: str, name: str, keys: Keys, found: Findings
) -> Kept | None:
    try:
        data = folder.read(file, MAX_NOTE_BYTES)
    except FileError as error:
        found.add(UNREADABLE, f"{name}: {error}")
        return None
    return _parse(data, name, keys, found)


def _parse(data: bytes, name: str, keys: Keys, found: Findings) -> Kept | None:
    try:
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
    except NoteError as error:
        found.add(UNREADABLE, f"{name}: {error}")
        return None
    trust, signers = check_signature(note, keys)
    if trust == BAD_SIGNATURE:
        text = f"{name}: the signature of {signers[0]} is not over this text"
        found.add(TAMPERED, text, fields=("signature",))
    elif trust == UNKNOWN_KEY and keys:
        names = ", ".join(each for each, _, _ in note.signatures)
        text = f"{name}: signed by {names}, and by no key that was given"
        found.add(UNSUPPORTED, text)
    return Kept(name, checkpoint, trust, signers)


def bracket(kept: list[Kept]) -> tuple[int, int] | None:
    """Say between which sizes the first changed leaf lies, if checkpoints differ.

    Leaves below the first number are as an agreeing checkpoint has them; the second is
    the smallest size whose root is another.
    """
    failing = [each.checkpoint.size for each in kept if each.status == DIFFERS]
    if not failing:
        return None
    size = min(failing)
    fitting = [each.checkpoint.size for each in kept if each.status == AGREES]
    return max((each for each in fitting if each < size), default=0), size
