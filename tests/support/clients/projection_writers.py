"""Writers who share aggregates and keys, and what their calls came to."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from support.clients.calls import (
    Connection,
    Entry,
    Event,
    append_batch,
    append_event,
    append_events,
)
from support.clients.feed_writers import Progress
from support.clients.store import Store

WRITER = "evident test writer"
TYPES = ["Opened", "Added", "Added", "Added", "Other", "Closed"]
KEYS = [f"k{n}" for n in range(24)]


@dataclass
class Tally:
    """How often calls ended in which way, and how long the slowest one took."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    losses: int = 0

    def add(self, other: Tally) -> None:
        self.outcomes += other.outcomes
        self.slowest = max(self.slowest, other.slowest)
        self.losses += other.losses


@dataclass
class Writer:
    """One writer; it goes on anew when its connection is lost.

    A calm one makes single calls, which have no reason to fail.
    """

    store: Store
    rng: random.Random
    aggregates: Sequence[uuid.UUID]
    progress: Progress
    is_calm: bool = False
    bad: float = 0.0
    tally: Tally = field(default_factory=Tally)
    _connection: Connection | None = None

    def run(self) -> Tally:
        """Append until the target of all writers together is reached."""
        try:
            while not self.progress.is_over():
                self._once(single_call if self.is_calm else self.rng.choice(KINDS))
        except BaseException:
            self.progress.stop()
            raise
        if self._connection:
            self._connection.close()
        return self.tally

    def _once(self, kind: Kind) -> None:
        started = time.monotonic()
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self.store.connect(application_name=WRITER)
            count = kind(self, self._connection)
        except psycopg.Error as error:
            self._fail(error)
            return
        self.tally.outcomes["ok"] += 1
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - started)
        self.progress.add(count)

    def _fail(self, error: psycopg.Error) -> None:
        """Roll back what was refused; drop the connection that was killed."""
        is_lost = error.sqlstate is None or error.sqlstate.startswith(("57P", "08"))
        if is_lost:
            self.tally.losses += 1
            self._connection = None
            time.sleep(0.002)
            return
        # Two appends may meet in a circle of keys, but never in one of tables.
        is_odd = "relation" in (error.diag.message_detail or "")
        self.tally.outcomes[f"{error.sqlstate}{' on a table' * is_odd}"] += 1
        if self._connection is not None:
            try:
                self._connection.rollback()
            except psycopg.Error:
                # Killed meanwhile, for which a pooler may send two answers.
                self._connection = None

    def append(self, connection: Connection) -> int:
        """Append by one of the three functions; give how many events went in."""
        rng = self.rng
        function = rng.choice([append_event, append_event, append_events, append_batch])
        size = rng.choice([2, 3]) if function is append_batch else 1
        most = 1 if function is append_event else 5
        entries = [
            Entry(each, self._expected(connection, each), self.events(most))
            for each in rng.sample(list(self.aggregates), size)
        ]
        function(connection, entries)
        return sum(len(each.events) for each in entries)

    def _expected(self, connection: Connection, aggregate: uuid.UUID) -> int | None:
        """Name the version now and then; a rival may be quicker."""
        if self.rng.random() < 0.6:
            return None
        row = connection.execute(
            "select evident.aggregate_version(%s)", [aggregate]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def events(self, most: int) -> tuple[Event, ...]:
        """Make events of all types, each of which touches none, one or more keys."""
        return tuple(
            Event(self.rng.choice(TYPES), self._payload())
            for _ in range(self.rng.randint(1, most))
        )

    def _payload(self) -> dict[str, Any]:
        payload = {"keys": self.rng.sample(KEYS, self.rng.choice([0, 1, 1, 2, 3]))}
        return payload | ({"bad": True} if self.rng.random() < self.bad else {})

    def pause(self, connection: Connection) -> None:
        if self.rng.random() < 0.3:
            connection.execute("select pg_sleep(%s)", [self.rng.random() * 0.006])


Kind = Callable[[Writer, Connection], int]


def single_call(writer: Writer, connection: Connection) -> int:
    return writer.append(connection)


def several_calls(writer: Writer, connection: Connection) -> int:
    """Append several times in one transaction, which may be rolled back."""
    connection.execute("begin")
    count = 0
    for _ in range(writer.rng.randint(1, 3)):
        count += writer.append(connection)
        writer.pause(connection)
    if writer.rng.random() < 0.3:
        connection.execute("rollback")
        return 0
    connection.execute("commit")
    return count


def savepoints(writer: Writer, connection: Connection) -> int:
    """Append, append within a savepoint, and undo that or not."""
    connection.execute("begin")
    count = writer.append(connection)
    for _ in range(writer.rng.randint(1, 2)):
        connection.execute("savepoint here")
        inner = writer.append(connection)
        writer.pause(connection)
        if writer.rng.random() < 0.5:
            connection.execute("rollback to savepoint here")
        else:
            connection.execute("release savepoint here")
            count += inner
    connection.execute("commit")
    return count


KINDS: list[Kind] = [single_call, single_call, several_calls, savepoints]
