"""Notes what one client asks and is told, call by call, with the times of both."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from support.checkers.history import action, element
from support.clients.calls import Connection, Entry, events_of, function_for
from support.models.history import Action, Call, Check, Fate, Level, Read, Transaction

# The client's own decision, beside the SQLSTATEs of the server's.
ROLLED_BACK = "rolled back"


@dataclass
class Recorder:
    """One transaction under way; an append is noted before it is sent."""

    name: str
    level: Level
    invoked: float = field(default_factory=time.monotonic)
    calls: list[Call] = field(default_factory=list)

    def append(
        self,
        connection: Connection,
        wanted: Sequence[tuple[uuid.UUID, int | None, int]],
    ) -> tuple[int, ...]:
        """Append so many events to each aggregate at a version; 0 events only check."""
        name = f"{self.name}.{len(self.calls)}"
        entries = [
            Entry(aggregate, expected, events_of(name, count))
            for aggregate, expected, count in wanted
        ]
        asked = time.monotonic()
        self.calls.append(_call(name, entries, [None] * len(entries), asked))
        versions = function_for(entries)(connection, entries)
        self.calls[-1] = _call(name, entries, versions, asked)
        return versions

    def read(self, connection: Connection, aggregate: uuid.UUID) -> int:
        """Read an aggregate and give its length."""
        asked = time.monotonic()
        rows = connection.execute(
            "select payload ->> 'op', (payload ->> 'n')::integer"
            " from evident.read_aggregate(%s)",
            [aggregate],
        ).fetchall()
        elements = tuple(element(*row) for row in rows)
        self._answered(Read(aggregate, elements), asked)
        return len(elements)

    def version(self, connection: Connection, aggregate: uuid.UUID) -> int:
        """Ask for the version of an aggregate."""
        asked = time.monotonic()
        row = connection.execute(
            "select evident.aggregate_version(%s)", [aggregate]
        ).fetchone()
        assert row is not None
        self._answered(Check(aggregate, row[0], row[0]), asked)
        return int(row[0])

    def ended(self, fate: Fate, sqlstate: str | None = None) -> Transaction:
        """Give the transaction as it ended, just now, or without an answer."""
        returned = None if fate == Fate.UNKNOWN else time.monotonic()
        calls = tuple(self.calls)
        return Transaction(
            self.name, calls, fate, self.level, self.invoked, returned, sqlstate
        )

    def _answered(self, what: Action, asked: float) -> None:
        self.calls.append(Call((what,), asked, time.monotonic()))


def _call(
    name: str,
    entries: Sequence[Entry],
    versions: Sequence[int | None],
    asked: float,
) -> Call:
    actions = [action(name, *pair) for pair in zip(entries, versions, strict=True)]
    returned = None if None in versions else time.monotonic()
    return Call(tuple(actions), asked, returned)
