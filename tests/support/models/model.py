"""The event store in a few lines of Python, for one session."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from support.clients.calls import Entry, Event, Outcome


class Model:
    def __init__(self) -> None:
        self.streams: dict[uuid.UUID, list[Event]] = defaultdict(list)
        self.stored: dict[uuid.UUID, tuple[uuid.UUID, int]] = {}

    def append(self, entries: Sequence[Entry]) -> Outcome:
        ids = [e.event_id for entry in entries for e in entry.events if e.event_id]
        if len(set(ids)) < len(ids):
            return Outcome(sqlstate="PT400")
        versions, conflicts, fresh = [], [], []
        for entry in entries:
            actual = len(self.streams[entry.aggregate])
            if any(event.event_id in self.stored for event in entry.events):
                first = self.repeated(entry)
                if first is None:
                    return Outcome(sqlstate="PT422")
                versions.append(first + len(entry.events) - 1)
            elif entry.expected in (None, actual) or (entry.expected == -1 and actual):
                versions.append(actual + len(entry.events))
                fresh.append(entry)
            else:
                conflicts.append(self.conflict(entry, actual))
        if conflicts:
            is_missing = all(each["expected"] == -1 for each in conflicts)
            code = "PT404" if is_missing else "PT409"
            return Outcome(sqlstate=code, detail={"conflicts": conflicts})
        for entry in fresh:
            self.store(entry)
        return Outcome(versions=tuple(versions))

    def repeated(self, entry: Entry) -> int | None:
        """Give the first version of an entry that is stored as it is, else None."""
        places = [self.stored.get(e.event_id) for e in entry.events if e.event_id]
        if len(places) < len(entry.events) or places[0] is None:
            return None
        aggregate, first = places[0]
        stored = self.streams[aggregate][first - 1 : first - 1 + len(places)]
        is_same = aggregate == entry.aggregate and stored == list(entry.events)
        return first if is_same else None

    def store(self, entry: Entry) -> None:
        for event in entry.events:
            self.streams[entry.aggregate].append(event)
            if event.event_id:
                version = len(self.streams[entry.aggregate])
                self.stored[event.event_id] = (entry.aggregate, version)

    @staticmethod
    def conflict(entry: Entry, actual: int) -> dict[str, Any]:
        return {
            "aggregate_id": str(entry.aggregate),
            "expected": entry.expected,
            "actual": actual,
        }
