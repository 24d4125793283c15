"""A new incarnation may lose the newest events, and never change older ones.

That it was begun is the word of the party that is audited, so it excuses nothing. Kept
checkpoints show how far a history is that of before; the rest is for a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .findings import REPLACED, Findings
from .formats.note import Checkpoint
from .formats.own_events import OwnEvents
from .heads import Incarnation
from .kept import AGREES, GIVEN_UP, NOT_REPRODUCED, Kept


@dataclass(frozen=True, slots=True)
class Loss:
    """A checkpoint that a tree does not reproduce.

    `base` leaves are those of the largest one of the same or an earlier incarnation
    that it does. `accepted_by` are the incarnations of which a person has to say that
    they may lack the rest; None where nobody can.
    """

    lost: Checkpoint
    base: int
    accepted_by: frozenset[int] | None


def losses(
    tree: Checkpoint, lost: Iterable[Checkpoint], reproduced: Iterable[Checkpoint]
) -> list[Loss]:
    """Say of each lost checkpoint what could excuse that.

    Nothing does where no earlier checkpoint is reproduced, or a larger one that came
    before it: then older events were changed. `reproduced` are of incarnations before
    the tree's. Where one of them came after the lost one, that incarnation lost it.
    """
    largest = _largest(reproduced)
    found = []
    for each in lost:
        own = each.incarnation
        before = [size for number, size in largest.items() if number <= own]
        after = [number for number in largest if number > own]
        base = max(before, default=0)
        is_end = 0 < base < each.size and own < tree.incarnation
        needed = frozenset([tree.incarnation, *sorted(after)[:1]])
        found.append(Loss(each, base, needed if is_end else None))
    return found


def judge_lost(
    kept: list[Kept], own: Checkpoint, accepted: Collection[int], found: Findings
) -> list[Loss]:
    """Report what is not reproduced and not excused; give the losses that are.

    Sets `base` and status of all checkpoints that are not reproduced.
    """
    lost = [each for each in kept if each.status == NOT_REPRODUCED]
    fitting = [
        each.checkpoint
        for each in kept
        if each.status == AGREES and each.checkpoint.incarnation < own.incarnation
    ]
    judged = losses(own, [each.checkpoint for each in lost], fitting)
    excused, refused = [], []
    for each, loss in zip(lost, judged, strict=True):
        each.base = loss.base
        # Sealed in another history than the one whose tree heads these are.
        each.sealed_at = None
        if loss.accepted_by is not None and loss.accepted_by <= set(accepted):
            each.status = GIVEN_UP
            excused.append(loss)
        else:
            refused.append((each, loss))
    for number in sorted({loss.lost.incarnation for _, loss in refused}):
        group = [x for x in refused if x[1].lost.incarnation == number]
        found.add(REPLACED, _refusal(group, own), fields=("root",))
    return excused


def describe_losses(
    excused: Sequence[Loss], listed: list[Incarnation], own_events: OwnEvents
) -> list[str]:
    """Say how far an accepted history is that of before, and what is gone."""
    notes = []
    for number in sorted({each.lost.incarnation for each in excused}):
        group = [each for each in excused if each.lost.incarnation == number]
        base = max(each.base for each in group)
        gone = max(each.lost.size for each in group) - base
        notes.append(
            f"leaves 0 to {base - 1:,} are those of kept checkpoint {base:,}; what"
            f" follows is new; {gone:,} published leaves are gone (incarnation {number}"
            f" ended: {_reason(number + 1, listed, own_events)})"
        )
    return notes


def describe_accepted(own: Checkpoint, accepted: Iterable[int]) -> list[str]:
    """Say which numbers were accepted in vain: only the export's own one counts."""
    return [
        f"incarnation {number:,} was accepted, and the export is of incarnation"
        f" {own.incarnation:,}: that excuses nothing"
        for number in sorted(set(accepted))
        if number > own.incarnation
        or (number < own.incarnation and own.incarnation not in set(accepted))
    ]


def _largest(checkpoints: Iterable[Checkpoint]) -> dict[int, int]:
    """Give the largest size of each incarnation; the empty tree shows nothing."""
    largest: dict[int, int] = {}
    for each in checkpoints:
        if each.size:
            largest[each.incarnation] = max(largest.get(each.incarnation, 0), each.size)
    return largest


def _refusal(group: list[tuple[Kept, Loss]], own: Checkpoint) -> str:
    """Say which published trees of one incarnation are not in this history."""
    first, loss = min(group, key=lambda x: x[1].lost.size)
    size, base = loss.lost.size, loss.base
    text = (
        f"{first.file}: the {size:,} leaves published in incarnation"
        f" {loss.lost.incarnation} are not in this history"
    )
    if len(group) > 1:
        others = len(group) - 1
        text += f", nor are those of {others:,} other checkpoint{'s' * (others > 1)}"
    if loss.lost.incarnation > own.incarnation:
        return f"{text}, which is of incarnation {own.incarnation}"
    if base == 0:
        return f"{text}; no kept checkpoint of before is: all of it may be another"
    if size <= base:
        return f"{text}; a larger tree, of {base:,}, is: older events were changed"
    gone = max(each.lost.size for _, each in group) - base
    numbers = sorted(set().union(*(x.accepted_by or () for _, x in group)))
    words = " ".join(f"--accept-incarnation {each}" for each in numbers)
    return (
        f"{text}; leaves 0 to {base - 1:,} are as published, {gone:,} published leaves"
        f" are gone. Where a restore or a failover explains that: {words}"
    )


def _reason(number: int, listed: list[Incarnation], own_events: OwnEvents) -> str:
    said = own_events.reason(number)
    if said is not None:
        return said
    for each in listed:
        if each.incarnation == number:
            return f"{each.reason}, says log.json"
    return "nothing says why"
