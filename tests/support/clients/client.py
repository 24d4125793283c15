"""A client that appends, reads and decides at random, and goes on over any failure."""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg import IsolationLevel

from support.clients.calls import Connection, refusal
from support.clients.operations import LEVELS, close_quietly
from support.clients.recorder import ROLLED_BACK, Recorder
from support.clients.store import Store
from support.models.history import Fate, Level, Transaction

SHARED = 6
# How long a server may be down before a client gives up, in seconds.
PATIENCE = 120.0


class RolledBack(Exception):
    """The client changed its mind."""


@dataclass
class Client:
    """One application process, its choices made by a seed of its own."""

    store: Store
    name: str
    rng: random.Random
    level: IsolationLevel
    promised: Level
    aggregates: Callable[[], list[uuid.UUID]]
    acknowledged: Callable[[int], None]
    history: list[Transaction] = field(default_factory=list)
    versions: dict[uuid.UUID, int] = field(default_factory=dict)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Work until told to stop; a lost connection leaves an outcome open."""
        connection: Connection | None = None
        while not is_over():
            if connection is None:
                connection = self.connect(is_over)
                continue
            try:
                self.one(connection)
            except psycopg.OperationalError:
                close_quietly(connection)
                connection = None
        if connection is not None:
            close_quietly(connection)

    def connect(self, is_over: Callable[[], bool]) -> Connection | None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.store.connect(self.level)
            except psycopg.OperationalError:
                if is_over():
                    return None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def one(self, connection: Connection) -> None:
        """Run one transaction and note it, whatever becomes of it."""
        kinds = [self.single, self.single, self.batch, self.decide, self.look]
        kind = self.rng.choice([*kinds, self.several])
        noted = Recorder(f"{self.name}.{len(self.history)}", self.promised)
        fate, sqlstate = Fate.UNKNOWN, None
        try:
            kind(connection, noted)
            fate = Fate.OK
        except RolledBack:
            fate, sqlstate = Fate.FAIL, ROLLED_BACK
        except psycopg.Error as error:
            answer = refusal(error)
            fate, sqlstate = Fate.FAIL, answer.sqlstate
            for conflict in answer.conflicts or []:
                self.versions[uuid.UUID(conflict["aggregate_id"])] = conflict["actual"]
        finally:
            ended = noted.ended(fate, sqlstate)
            self.history.append(ended)
        if fate == Fate.OK:
            self.learn(ended)

    def learn(self, ended: Transaction) -> None:
        events = 0
        for append in ended.appends():
            events += len(append.elements)
            if append.version is not None:
                self.versions[append.aggregate] = append.version
        self.acknowledged(events)

    def single(self, connection: Connection, noted: Recorder) -> None:
        """Append one event or some to one aggregate, in one call."""
        with self.alone_or_not(connection):
            noted.append(connection, [self.wish(self.pick(), at_least=1)])

    def batch(self, connection: Connection, noted: Recorder) -> None:
        """Append to several aggregates in one call, and check others."""
        # Only at READ COMMITTED can a batch check without appending.
        least = 0 if self.level == IsolationLevel.READ_COMMITTED else 1
        chosen = self.rng.sample(self.aggregates(), self.rng.randint(2, 4))
        with self.alone_or_not(connection):
            wishes = [self.wish(each, at_least=least) for each in chosen]
            noted.append(connection, wishes)

    @contextlib.contextmanager
    def alone_or_not(self, connection: Connection) -> Iterator[None]:
        """Open a transaction, or not; only in one is there another level."""
        if self.level == IsolationLevel.READ_COMMITTED and self.rng.random() < 0.5:
            yield
            return
        with connection.transaction():
            yield

    def decide(self, connection: Connection, noted: Recorder) -> None:
        """Read an aggregate and append exactly behind it, in one transaction."""
        aggregate = self.pick()
        with connection.transaction():
            ask = self.rng.choice([noted.read, noted.version])
            noted.append(connection, [(aggregate, ask(connection, aggregate), 1)])
            self.maybe_roll_back()

    def look(self, connection: Connection, noted: Recorder) -> None:
        """Read one aggregate, or several in one transaction."""
        if self.rng.random() < 0.3:
            with self.alone_or_not(connection):
                noted.read(connection, self.pick())
            return
        with connection.transaction():
            for each in self.rng.choices(self.aggregates(), k=3):
                noted.read(connection, each)

    def several(self, connection: Connection, noted: Recorder) -> None:
        """Make several calls in one transaction, and undo some of it."""
        with connection.transaction():
            for aggregate in self.rng.sample(sorted(self.aggregates()), 2):
                noted.read(connection, aggregate)
                if self.rng.random() < 0.3:
                    self.undone(connection, aggregate, noted)
                noted.append(connection, [self.wish(aggregate, at_least=1)])
                noted.read(connection, aggregate)
            self.maybe_roll_back()

    def undone(
        self, connection: Connection, aggregate: uuid.UUID, outer: Recorder
    ) -> None:
        """Append in a savepoint that is rolled back: nobody may ever see that."""
        inner = Recorder(f"{outer.name}~{len(outer.calls)}", self.promised)
        try:
            with connection.transaction():
                inner.append(connection, [(aggregate, None, 1)])
                raise RolledBack
        except RolledBack:
            self.history.append(inner.ended(Fate.FAIL, ROLLED_BACK))

    def maybe_roll_back(self) -> None:
        if self.rng.random() < 0.1:
            raise RolledBack

    def pick(self) -> uuid.UUID:
        """Choose a shared aggregate, now and then a new one."""
        if self.rng.random() < 0.1:
            return uuid.UUID(int=self.rng.getrandbits(128))
        return self.rng.choice(self.aggregates())

    def wish(
        self, aggregate: uuid.UUID, at_least: int
    ) -> tuple[uuid.UUID, int | None, int]:
        """Choose how to name the version, and how many events."""
        known = self.versions.get(aggregate, 0)
        expected = self.rng.choice([known, known, None, -1])
        count = self.rng.choice([1, 1, 2, 5])
        if at_least == 0 and expected is not None and self.rng.random() < 0.25:
            count = 0
        return aggregate, expected, count


def recorded_level(level: IsolationLevel, is_mixed: bool) -> Level:
    """Give what a level promises; SERIALIZABLE holds only among its like."""
    promised = LEVELS[level]
    return min(promised, Level.REPEATABLE_READ) if is_mixed else promised
