"""Events that the store wrote about itself, in the stream of the nil aggregate."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..text import plain
from .documents import parse_object, parts
from .times import show

# The stream that no append function writes to.
OWN_AGGREGATE = bytes(16)
GUARDS, INCARNATION = "GuardChanged", "IncarnationBegun"

# The newest ones are kept; so many of each kind are told.
MOST_KEPT = 1000
MOST_NOTES = 100
_MOST_TEXT = 300
# Parts of a payload that is always looked into, and of all larger ones together.
SMALL, MOST_PARTS = 32, 500_000


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """One event about the store, in a few words.

    `incarnation` is that which it began; one that `is_empty` tells of no change.
    """

    line: int
    kind: str
    says: str
    incarnation: int | None
    is_empty: bool
    when: str


@dataclass(slots=True)
class OwnEvents:
    """The newest events about the store, by kind, and how many there were."""

    kept: dict[str, deque[OwnEvent]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _parts: int = 0

    def see(
        self, line: int, event_type: str, by: str, moment: int, payload: str | None
    ) -> None:
        """Take one event as it stands in the export."""
        size = parts(payload or "")
        is_read = size <= SMALL or self._parts + size <= MOST_PARTS
        self._parts += size if is_read and size > SMALL else 0
        given = _payload(payload) if is_read else {}
        when = f"line {line:,}, {show(moment)}, by {plain(by, _MOST_TEXT)}"
        number: int | None = None
        says, is_empty = plain(event_type, _MOST_TEXT), False
        if event_type == GUARDS:
            counts = [_length(given.get(each)) for each in ("added", "removed")]
            says = f"guards changed: {counts[0]:,} added, {counts[1]:,} removed"
            is_empty = is_read and counts == [0, 0]
        elif event_type == INCARNATION:
            begun = given.get("incarnation")
            number = begun if isinstance(begun, int) else None
            reason = plain(given.get("reason"), _MOST_TEXT)
            says = f"incarnation {number} began: {reason}"
        elif isinstance(given.get("reason"), str):
            says += f": {plain(given['reason'], _MOST_TEXT)}"
        if not is_read:
            says = f"{plain(event_type, _MOST_TEXT)}: too large to be looked into"
        kind = _kind(event_type, is_empty)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        newest = self.kept.setdefault(kind, deque(maxlen=MOST_KEPT))
        newest.append(OwnEvent(line, kind, says, number, is_empty, when))

    def describe(self) -> list[str]:
        """Tell the newest first, empty ones last, and how many are left out."""
        shown = [list(kept)[-MOST_NOTES:] for kept in self.kept.values()]
        chosen = sorted(
            (each for group in shown for each in group),
            key=lambda each: (each.is_empty, -each.line),
        )
        notes = [f"{each.says} ({each.when})" for each in chosen]
        more = sum(self.counts.values()) - len(notes)
        if more:
            notes.append(f"{more:,} older events of the store about itself, not shown")
        return notes

    def reason(self, incarnation: int) -> str | None:
        """Say why an incarnation began, as its newest event tells it."""
        for each in reversed(self.kept.get(INCARNATION, ())):
            if each.incarnation == incarnation:
                reason = each.says.partition(" began: ")[2]
                return f"{reason}, says the event at line {each.line:,}"
        return None


def _kind(event_type: str, is_empty: bool) -> str:
    """Name the group in which it is kept: what matters is not driven out by others."""
    if event_type in (GUARDS, INCARNATION):
        return f"{event_type}, empty" if is_empty else event_type
    return "other"


def _payload(text: str | None) -> dict[str, object]:
    try:
        return parse_object(text or "{}")
    except ValueError:
        return {}


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0
