"""Checkpoints: the export's own and those that somebody kept outside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .findings import TAMPERED, UNREADABLE, UNSUPPORTED, Findings
from .formats.files import FileError, Folder, read_file
from .formats.note import (
    BAD_SIGNATURE,
    MAX_NOTE_BYTES,
    TRUSTED,
    UNKNOWN_KEY,
    Checkpoint,
    Key,
    Keys,
    NoteError,
    check_signature,
    parse_checkpoint,
    parse_note,
    signing_keys,
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
# What a publisher and Git put beside checkpoints.
BESIDE = {".lock", ".git"}


@dataclass(slots=True)
class Kept:
    """A checkpoint, where it was found, who signed it, and what it turned out to be.

    `sealed_at`, in microseconds since 2000, comes from the tree heads where known;
    `fits` says whether its root is the one that was recomputed at its size. Of one that
    is not reproduced, `base` leaves are those of an earlier one that is. `keys` are
    those of the signers.
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
    keys: tuple[Key, ...] = ()


def load_own(folder: Folder, keys: Keys, found: Findings) -> Kept | None:
    """Read the checkpoint of an export."""
    own = _load(folder, CHECKPOINT, CHECKPOINT, keys, found)
    if own is not None:
        own.is_own = True
    return own


def load_kept(
    places: Iterable[Path], keys: Keys, found: Findings, notes: list[str]
) -> list[Kept]:
    """Read checkpoints of folders and files, each once however often it was kept.

    What else a folder holds is added to `notes`.
    """
    kept: dict[tuple[Checkpoint, str, tuple[Key, ...]], Kept] = {}
    for place in places:
        for one in _load_place(place, keys, found, notes):
            kept.setdefault((one.checkpoint, one.trust, one.keys), one)
    return list(kept.values())


def load_earlier(folder: Folder, keys: Keys, found: Findings) -> Kept | None:
    """Read the checkpoint of an earlier export."""
    return _load(folder, CHECKPOINT, str(folder.path / CHECKPOINT), keys, found)


def _load_place(
    place: Path, keys: Keys, found: Findings, notes: list[str]
) -> Iterator[Kept]:
    if not os.path.isdir(place):
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
            names = _names(folder, found, notes)
            if not names:
                found.add(UNREADABLE, f"{place}: holds no checkpoint")
            for name in names:
                one = _load(folder, name, str(place / name), keys, found)
                if one is not None:
                    yield one
    except FileError as error:
        found.add(UNREADABLE, f"{place}: {error}")


def _names(folder: Folder, found: Findings, notes: list[str]) -> list[str]:
    """Name the checkpoints of a folder, and tell what else is in it.

    Under another name a file is one by its content.
    """
    names: list[str] = []
    others: list[str] = []
    folders: list[str] = []
    for each in folder.names():
        if each.endswith(KEPT) or each == CHECKPOINT:
            names.append(each)
        elif each in BESIDE:
            continue
        elif folder.is_folder(each):
            folders.append(each)
        else:
            (names if _is_note(folder, each, found) else others).append(each)
    for what, left in (("files without a checkpoint", others), ("folders", folders)):
        if left:
            shown = ", ".join(left[:3]) + (", …" if len(left) > 3 else "")
            notes.append(f"{folder.path}: {len(left):,} {what} left out: {shown}")
    return names


def _is_note(folder: Folder, name: str, found: Findings) -> bool:
    """Say whether a file of any name is a signed checkpoint; report what cannot be had.

    None is as large as what is left out unread.
    """
    if folder.is_larger(name, MAX_NOTE_BYTES):
        return False
    try:
        parse_checkpoint(parse_note(folder.read(name, MAX_NOTE_BYTES)).text)
    except NoteError:
        return False
    except FileError as error:
        found.add(UNREADABLE, f"{folder.path / name}: {error}")
        return False
    return True


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
    by = signing_keys(note, keys) if trust == TRUSTED else ()
    return Kept(name, checkpoint, trust, signers, keys=by)


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
