"""Say what became of checkpoints of incarnations that ended."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .events import OwnEvent
from .heads import Incarnation
from .kept import AGREES, Kept
from .times import show

MOST_NOTES = 30


def describe_ended(
    ended: list[Kept],
    kept: list[Kept],
    listed: list[Incarnation],
    own_events: Iterable[OwnEvent],
) -> list[str]:
    """Say, for each incarnation that ended, how much of it is lost, and why."""
    notes = []
    for number in sorted({each.checkpoint.incarnation for each in ended}):
        sizes = [
            each.checkpoint.size
            for each in ended
            if each.checkpoint.incarnation == number
        ]
        size = max(sizes)
        known = [
            each.checkpoint.size
            for each in kept
            if each.status == AGREES and each.checkpoint.incarnation <= number
        ]
        below = max((each for each in known if each < size), default=0)
        lost = f"up to {size - below:,}"
        start = next(
            (each.tree_size for each in listed if each.incarnation == number + 1), None
        )
        # What log.json says counts where no checkpoint speaks against it.
        if start is not None and below <= start < min(sizes):
            lost = f"{size - start:,}"
        reason = _reason(number + 1, listed, own_events)
        notes.append(
            f"incarnation {number} ended; {lost} leaves of it are not in this history"
            f" ({reason})"
        )
    return notes


def describe_own(own_events: Iterable[OwnEvent]) -> list[str]:
    """Say what the log's own events tell about guards and incarnations."""
    notes: list[str] = []
    for event in own_events:
        given = _payload(event)
        if len(notes) == MOST_NOTES:
            return [*notes, "the log has more events about itself"]
        if event.event_type == "GuardChanged":
            counts = [given.get(each) for each in ("added", "removed")]
            added, removed = (len(x) if isinstance(x, list) else 0 for x in counts)
            notes.append(
                f"guards changed: {added} added, {removed} removed ({_when(event)})"
            )
        elif event.event_type == "IncarnationBegun":
            number, reason = given.get("incarnation"), given.get("reason")
            notes.append(f"incarnation {number} began: {reason} ({_when(event)})")
    return notes


def _reason(
    number: int, listed: list[Incarnation], own_events: Iterable[OwnEvent]
) -> str:
    for event in own_events:
        given = _payload(event)
        if (
            event.event_type == "IncarnationBegun"
            and given.get("incarnation") == number
        ):
            return f"{given.get('reason')}, says the event at line {event.line}"
    for each in listed:
        if each.incarnation == number:
            return f"{each.reason}, says log.json"
    return "nothing says why"


def _payload(event: OwnEvent) -> dict[str, object]:
    try:
        given = json.loads(event.payload or "null")
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def _when(event: OwnEvent) -> str:
    return f"line {event.line}, {show(event.occurred_at)}, by {event.recorded_by}"
