"""Which kept checkpoints an export reproduces, and what it means where it does not."""

from __future__ import annotations

from collections.abc import Iterable

from .findings import TAMPERED, UNSUPPORTED, Findings
from .formats.note import BAD_SIGNATURE, TRUSTED, Checkpoint, Key
from .kept import (
    AGREES,
    DIFFERS,
    LARGER,
    NOT_REPRODUCED,
    OTHER_LOG,
    REFUSED,
    SKIPPED,
    UNTRUSTED,
    Kept,
    bracket,
)


def judge_kept(kept: list[Kept], own: Kept, found: Findings, *, as_of: bool) -> None:
    """Give each checkpoint its status, and report what differs within an incarnation.

    Expects `fits` of every checkpoint whose size the export reaches. What is not
    reproduced of other incarnations is left to `incarnations.judge_lost`.
    """
    for one in [own, *kept]:
        one.status = _status(one, own.checkpoint, as_of=as_of)
    _report_other_logs(kept, own, found)
    _report_names(kept, own.checkpoint, found)
    _report_larger(kept, own.checkpoint, found)
    _report_differing([own, *kept], found)


def _status(one: Kept, own: Checkpoint, *, as_of: bool) -> str:
    mine = one.checkpoint
    if mine.log_id != own.log_id:
        return OTHER_LOG
    if one.trust == BAD_SIGNATURE:
        return REFUSED
    if one.trust != TRUSTED and not one.is_own:
        return UNTRUSTED
    is_same = mine.incarnation == own.incarnation
    if mine.incarnation > own.incarnation or (is_same and mine.size > own.size):
        # A newer one that speaks against these leaves is heard, whatever their time.
        if one.fits is False:
            return NOT_REPRODUCED
        return SKIPPED if as_of else LARGER
    if mine.size > own.size:
        return NOT_REPRODUCED
    if one.fits is None:
        return ""
    if not one.fits:
        return DIFFERS if is_same else NOT_REPRODUCED
    return AGREES if one.trust == TRUSTED else UNTRUSTED


def _report_other_logs(kept: list[Kept], own: Kept, found: Findings) -> None:
    """Report other logs that this one may stand in the place of.

    A history that begins anew takes a new identity, and perhaps a new name; who signs
    it keeps the key. Else it would pass for clean.
    """
    others = [each for each in kept if each.status == OTHER_LOG]
    if not others:
        return
    if len(others) == len(kept):
        found.add(UNSUPPORTED, "all checkpoints that were given are of another log")
    ours = [own, *(each for each in kept if each.status != OTHER_LOG)]
    known = {name for each in ours for key in each.keys for name in _names(key)}
    groups: dict[str, list[tuple[Kept, str]]] = {}
    for each in others:
        mine = each.checkpoint
        text = f"of the same name, {mine.name}"
        if mine.name != own.checkpoint.name:
            signer = next((x for x in each.keys if known & _names(x)), None)
            if signer is None:
                continue
            text = f"{mine.name}, signed by {signer.name} as this one is"
        groups.setdefault(mine.log_id, []).append((each, text))
    for group in groups.values():
        first, text = group[0]
        where = first.file
        if (more := len(group) - 1) > 0:
            where += f", and in {more:,} other checkpoint{'s' * (more > 1)}"
        text = f"{where}: another log {text}: which of the two is the log, nobody can"
        found.add(UNSUPPORTED, f"{text} tell")


def _names(key: Key) -> set[str | bytes]:
    """Give what makes a key the same for us: its name, or its bytes."""
    return {key.name, key.public}


def _report_names(kept: Iterable[Kept], own: Checkpoint, found: Findings) -> None:
    """Report another name within the incarnation: it is part of what was signed."""
    for each in kept:
        mine = each.checkpoint
        is_judged = each.status not in (OTHER_LOG, REFUSED, UNTRUSTED)
        if (
            is_judged
            and mine.incarnation == own.incarnation
            and (mine.name != own.name)
        ):
            text = (
                f"{each.file}: incarnation {own.incarnation} of this log is called"
                f" {mine.name} there, and {own.name} in the export"
            )
            found.add(TAMPERED, text, fields=("origin",))


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
