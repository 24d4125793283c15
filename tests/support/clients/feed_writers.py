"""Writers that do their worst to a reader of the feed."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from support.clients.calls import (
    Connection,
    Entry,
    append_batch,
    append_event,
    append_events,
    events_of,
)
from support.clients.store import Store

MARKERS = [
    "0",
    "1",
    "-7",
    "99999999",
    "999999999999999",
    "99999999999999999999",
    "",
    "abc",
    "1; 2",
]


@dataclass
class Progress:
    """How many events were committed by all writers together."""

    target: int
    committed: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, count: int) -> None:
        with self._changed:
            self.committed += count
            self._changed.notify_all()

    def is_over(self) -> bool:
        return self.committed >= self.target

    def stop(self) -> None:
        """Let everybody who writes or waits come to an end."""
        with self._changed:
            self.target = 0
            self._changed.notify_all()

    def wait_for(self, share: float) -> None:
        """Wait until a share of the target is reached."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self.committed >= share * self.target, timeout=1200
            ):
                raise TimeoutError(f"only {self.committed} of {self.target} events")


def write(store: Store, seed: int, progress: Progress) -> int:
    """Run transactions of random kinds until the target is reached; count them."""
    rng = random.Random(seed)
    transactions = 0
    try:
        with store.connect() as connection:
            while not progress.is_over():
                progress.add(rng.choice(KINDS)(connection, rng))
                transactions += 1
    except BaseException:
        progress.stop()
        raise
    return transactions


def append(connection: Connection, rng: random.Random) -> int:
    """Append by one of the three functions, to aggregates of this call alone."""
    aggregates = [uuid.UUID(int=rng.getrandbits(128)) for _ in range(2)]
    count = rng.choice([1, 1, 2, 12])
    expected = rng.choice([0, None])
    entries = [Entry(each, expected, events_of("feed", count)) for each in aggregates]
    kind = rng.randrange(3)
    if kind == 0:
        append_event(connection, [Entry(aggregates[0], expected, events_of("feed", 1))])
        return 1
    if kind == 1:
        append_events(connection, entries[:1])
        return count
    append_batch(connection, entries)
    return 2 * count


def pause(connection: Connection, rng: random.Random) -> None:
    """Stay idle in the transaction; here, for a server's clock may be moved."""
    if rng.random() < 0.4:
        time.sleep(rng.random() * 0.008)


def one_statement(connection: Connection, rng: random.Random) -> int:
    return append(connection, rng)


def several_appends(connection: Connection, rng: random.Random) -> int:
    """Append several times in one transaction, which may be rolled back."""
    connection.execute("begin")
    count = 0
    for _ in range(rng.randint(1, 4)):
        count += append(connection, rng)
        pause(connection, rng)
    if rng.random() < 0.3:
        connection.execute("rollback")
        return 0
    connection.execute("commit")
    return count


def savepoints(connection: Connection, rng: random.Random) -> int:
    """Append within savepoints, some of them rolled back, nested now and then."""
    connection.execute("begin")
    counts = [append(connection, rng) if rng.random() < 0.5 else 0]
    for _ in range(rng.randint(1, 5)):
        move = rng.choice(["open", "open", "append", "keep", "undo"])
        if move == "open":
            connection.execute(f"savepoint s{len(counts)}")
            counts.append(append(connection, rng))
        elif move == "append":
            counts[-1] += append(connection, rng)
        elif len(counts) > 1 and move == "keep":
            inner = counts.pop()
            connection.execute(f"release savepoint s{len(counts)}")
            counts[-1] += inner
        elif len(counts) > 1:
            counts.pop()
            connection.execute(f"rollback to savepoint s{len(counts)}")
        pause(connection, rng)
    connection.execute("commit")
    return sum(counts)


def failed_statement(connection: Connection, rng: random.Random) -> int:
    """Append, and lose it to a later statement of the transaction that fails."""
    try:
        with connection.transaction():
            append(connection, rng)
            pause(connection, rng)
            connection.execute("select 1 / 0")
    except psycopg.errors.DivisionByZero:
        return 0
    raise AssertionError("unreachable")


def marker_by_hand(connection: Connection, rng: random.Random) -> int:
    """Set the marker that remembers the announcement, before it or in between."""
    scope = rng.choice(["session", "local"])
    connection.execute("begin")
    count = 0
    for _ in range(rng.randint(1, 3)):
        value = rng.choice(MARKERS)
        connection.execute(f"set {scope} evident.feed_position = '{value}'")
        count += append(connection, rng)
        pause(connection, rng)
    is_kept = rng.random() < 0.7
    connection.execute("commit" if is_kept else "rollback")
    if rng.random() < 0.5:
        connection.execute("reset evident.feed_position")
    return count if is_kept else 0


Kind = Callable[[Connection, random.Random], int]
KINDS: list[Kind] = [
    one_statement,
    several_appends,
    several_appends,
    savepoints,
    savepoints,
    failed_statement,
    marker_by_hand,
]
