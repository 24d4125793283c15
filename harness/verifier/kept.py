"""Checkpoints: the export's own and those that somebody kept outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .findings import TAMPERED, UNREADABLE, UNSUPPORTED, Findings
from .note import (
    BAD_SIGNATURE,
    TRUSTED,
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
ENDED = "of an ended incarnation"
OTHER_LOG = "of another log"
UNTRUSTED = "no trusted signature"
REFUSED = "bad signature"


@dataclass(slots=True)
class Kept:
    """A checkpoint, where it was found, who signed it, and what it turned out to be.

    `sealed_at`, in microseconds since 2000, comes from the tree heads where known;
    `fits` says whether its root is the one that was recomputed at its size.
    """

    file: str
    checkpoint: Checkpoint
    trust: str
    signers: tuple[str, ...]
    is_own: bool = False
    fits: bool | None = None
    status: str = ""
    sealed_at: int | None = None


def load_own(folder: Path, keys: Keys, found: Findings) -> Kept | None:
    """Read the checkpoint of an export."""
    return _load(folder / "checkpoint", "checkpoint", keys, found, is_own=True)


def load_kept(places: Iterable[Path], keys: Keys, found: Findings) -> list[Kept]:
    """Read checkpoints of folders and files, each once however often it was kept."""
    kept: dict[tuple[Checkpoint, str], Kept] = {}
    for place in places:
        files = [place]
        if place.is_dir():
            files = sorted(place.glob("*.checkpoint"))
            files += [each for each in [place / "checkpoint"] if each.is_file()]
        if not files:
            found.add(UNREADABLE, f"{place}: holds no checkpoint")
        for file in files:
            one = _load(file, str(file), keys, found)
            if one is not None:
                kept.setdefault((one.checkpoint, one.trust), one)
    return list(kept.values())


def _load(
    path: Path, name: str, keys: Keys, found: Findings, *, is_own: bool = False
) -> Kept | None:
    try:
        note = parse_note(path.read_bytes())
        checkpoint = parse_checkpoint(note.text)
    except FileNotFoundError:
        found.add(UNREADABLE, f"{name}: missing")
        return None
    except OSError as error:
        found.add(UNREADABLE, f"{name}: {error.strerror}")
        return None
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
    return Kept(name, checkpoint, trust, signers, is_own)


def judge_kept(
    kept: list[Kept], own: Kept, found: Findings, *, as_of: bool
) -> list[Kept]:
    """Give each checkpoint its status, and report; returns those that ended.

    Expects `fits` of every checkpoint whose size the export reaches.
    """
    for one in [own, *kept]:
        one.status = _status(one, own.checkpoint, as_of=as_of)
    if kept and all(each.status == OTHER_LOG for each in kept):
        found.add(UNSUPPORTED, "all checkpoints that were given are of another log")
    _report_larger(kept, own.checkpoint, found)
    _report_differing([own, *kept], found)
    return [each for each in kept if each.status == ENDED]


def _status(one: Kept, own: Checkpoint, *, as_of: bool) -> str:
    mine = one.checkpoint
    if mine.log_id != own.log_id:
        return OTHER_LOG
    if one.trust == BAD_SIGNATURE:
        return REFUSED
    if mine.incarnation < own.incarnation:
        if one.fits:
            return AGREES if one.trust == TRUSTED else UNTRUSTED
        return ENDED
    if one.trust != TRUSTED and not one.is_own:
        return UNTRUSTED
    if mine.incarnation > own.incarnation or mine.size > own.size:
        return SKIPPED if as_of else LARGER
    if one.fits is None:
        return ""
    if not one.fits:
        return DIFFERS
    return AGREES if one.trust == TRUSTED else UNTRUSTED


def _report_larger(kept: list[Kept], own: Checkpoint, found: Findings) -> None:
    larger = [each for each in kept if each.status == LARGER]
    if not larger:
        return
    most = max(larger, key=lambda x: (x.checkpoint.incarnation, x.checkpoint.size))
    known = most.checkpoint
    text = f"{most.file}: the log had {known.size:,} events"
    if known.incarnation > own.incarnation:
        text += f" in incarnation {known.incarnation}; this is {own.incarnation}"
    text += f"; the export has {own.size:,}: history is shorter than it was"
    if len(larger) > 1:
        text += f", as {len(larger):,} checkpoints say"
    found.add(TAMPERED, text, fields=("size",))


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


def _report_differing(kept: list[Kept], found: Findings) -> None:
    span = bracket(kept)
    if span is None:
        return
    below, size = span
    failing = [each for each in kept if each.status == DIFFERS]
    first = next(each for each in failing if each.checkpoint.size == size)
    text = f"{first.file}: the leaves do not lead to its root at size {size:,}"
    if len(failing) > 1:
        others = len(failing) - 1
        text += f", nor to that of {others:,} other checkpoint{'s' * (others > 1)}"
    if below < size:
        text += f"; the first changed leaf is one of {below:,} to {size - 1:,}"
    if any(each.status == AGREES and each.checkpoint.size >= size for each in kept):
        text += "; a larger checkpoint agrees: two histories were signed"
    found.add(TAMPERED, text, fields=("root",))
