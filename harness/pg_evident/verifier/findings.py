"""What a verification found, in classes that stay apart, and the verdict over it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .formats.entry import Entry, EntryError, decode, uuid_text

TAMPERED = "tampered"
REPLACED = "replaced"
ERASED = "erased"
UNSEALED = "unsealed"
UNSUPPORTED = "unsupported"
UNREADABLE = "unreadable"
CLASSES = (TAMPERED, REPLACED, UNREADABLE, UNSUPPORTED, ERASED, UNSEALED)

# So many are kept in full of each class; all are counted.
LISTED = 1000

CLEAN = "clean"
CANNOT_TELL = "cannot tell"
EXIT_CODES = {CLEAN: 0, TAMPERED: 1, REPLACED: 1, CANNOT_TELL: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: its class, what it says, and the event that it is about.

    `count` is more than 1 for a finding that stands for many.
    """

    kind: str
    text: str
    leaf: int | None = None
    event_id: str | None = None
    aggregate_id: str | None = None
    version: int | None = None
    fields: tuple[str, ...] = ()
    count: int = 1


@dataclass(slots=True)
class Findings:
    """All findings of one verification, in the order in which they were made."""

    counts: Counter[str] = field(default_factory=Counter)
    listed: list[Finding] = field(default_factory=list)

    def add(
        self,
        kind: str,
        text: str,
        *,
        leaf: int | None = None,
        entry: bytes | Entry | None = None,
        fields: tuple[str, ...] = (),
        count: int = 1,
    ) -> None:
        """Add a finding; an entry gives the names of its event."""
        # A finding that stands for many is listed whatever their number is.
        is_listed = count > 1 or self.counts[kind] < LISTED
        self.counts[kind] += count
        if not is_listed:
            return
        event = _decoded(entry)
        self.listed.append(
            Finding(
                kind,
                text,
                leaf,
                uuid_text(event.event_id) if event else None,
                uuid_text(event.aggregate_id) if event else None,
                event.version if event else None,
                fields,
                count,
            )
        )

    def of(self, kind: str) -> list[Finding]:
        """Give the listed findings of one class."""
        return [each for each in self.listed if each.kind == kind]

    def verdict(self) -> str:
        """Say what applies first: tampered, replaced, cannot tell, clean."""
        for kind in (TAMPERED, REPLACED):
            if self.counts[kind]:
                return kind
        if self.counts[UNREADABLE] or self.counts[UNSUPPORTED]:
            return CANNOT_TELL
        return CLEAN


def _decoded(entry: bytes | Entry | None) -> Entry | None:
    if not isinstance(entry, bytes):
        return entry
    try:
        return decode(entry)
    except EntryError:
        return None
