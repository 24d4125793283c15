"""Adversarial writers and paging readers at the same time, and what came of it."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from support.clients.calls import (
    Connection,
    Entry,
    append_batch,
    append_event,
    events_of,
)
from support.clients.feed_readers import Reader
from support.clients.feed_writers import Progress, write
from support.clients.store import Store
from support.clients.waiting import Background, results

T = TypeVar("T")

# Aggregates of one call, where nothing asks for many calls.
AT_ONCE = 50


@dataclass
class Run:
    """This run's events by id, what each reader saw, and how long it took."""

    log: list[int]
    readers: list[Reader]
    seconds: float
    transactions: int

    def summary(self) -> str:
        drawn = self.log[-1] - self.log[0] + 1
        return (
            f"{len(self.log)} events by {self.transactions} transactions in"
            f" {self.seconds:.1f} s, {drawn - len(self.log)} ids drawn in vain;"
            " readers saw"
            f" {', '.join(str(len(each.seen)) for each in self.readers)}"
        )


def run_feed(
    store: Store,
    observer: Connection,
    rng: random.Random,
    *,
    events: int,
    writers: int = 12,
    readers: int = 3,
    with_holders: bool = True,
    reading_from: Store | None = None,
    before_the_end: Callable[[], None] = lambda: None,
) -> Run:
    """Write at least so many events while readers page, then drain and compare.

    Readers begin behind what is stored already, for who catches up with old events
    is not there when new ones commit late. They may read from another server;
    `before_the_end` then brings it up to date, when all is written.
    """
    progress = Progress(events)
    start = max(ids_behind(observer, 0), default=0)
    over = threading.Event()
    started = time.monotonic()
    every = [Reader(start=start) for _ in range(readers)]
    reading = [
        Background(lambda r=each, s=seed: r.follow(reading_from or store, s, over))
        for each, seed in zip(every, seeds_of(rng, readers), strict=True)
    ]
    try:
        writing = in_background(lambda s: write(store, s, progress), rng, writers)
        if with_holders:
            hold_back(store, progress)
        transactions = sum(results(writing, 1200))
        before_the_end()
    finally:
        progress.stop()
        over.set()
    results(reading)
    seconds = time.monotonic() - started
    return Run(ids_behind(observer, start), every, seconds, transactions)


def ids_behind(observer: Connection, position: int) -> list[int]:
    """Read the ids of all stored events behind one, in their order."""
    query = "select id from evident.event_store where id > %s order by id"
    return [row[0] for row in observer.execute(query, [position])]


def seeds_of(rng: random.Random, count: int) -> list[int]:
    return [rng.getrandbits(32) for _ in range(count)]


def in_background(
    action: Callable[[int], T], rng: random.Random, count: int
) -> list[Background[T]]:
    """Run an action in so many threads, each with a seed of its own."""
    return [Background(lambda s=seed: action(s)) for seed in seeds_of(rng, count)]


@contextlib.contextmanager
def writing(store: Store, rng: random.Random) -> Iterator[Progress]:
    """Append in the background until the block ends."""
    progress = Progress(1_000_000)
    tasks = in_background(lambda s: write(store, s, progress), rng, 2)
    try:
        yield progress
    finally:
        progress.stop()
    results(tasks)


def append_some(store: Store, count: int) -> None:
    """Append three events to each of so many new aggregates, a few in each call."""
    made = [Entry(uuid.uuid4(), 0, events_of("s", 3)) for _ in range(count)]
    with store.connect() as connection:
        for first in range(0, count, AT_ONCE):
            append_batch(connection, made[first : first + AT_ONCE])


def hold_back(store: Store, progress: Progress) -> None:
    """Hold the feed back for a while, in each way that lasts."""
    for number, ending in enumerate(["commit prepared", "rollback prepared"]):
        progress.wait_for(0.1 + 0.2 * number)
        with store.connect() as connection:
            connection.execute("begin")
            held = append_one(connection)
            connection.execute(f"prepare transaction 'held {number}'")
        progress.wait_for(0.2 + 0.2 * number)
        with store.connect() as connection:
            check_held(connection, held)
            connection.execute(f"{ending} 'held {number}'")
    progress.wait_for(0.5)
    with store.connect() as idle:
        idle.execute("begin")
        held = append_one(idle)
        progress.wait_for(0.6)
        with store.connect() as connection:
            check_held(connection, held)
        idle.execute("commit")


def append_one(connection: Connection) -> int:
    """Append one event and give its id, which its own transaction sees."""
    aggregate = uuid.uuid4()
    append_event(connection, [Entry(aggregate, 0, events_of("held", 1))])
    row = connection.execute(
        "select id from evident.event_store where aggregate_id = %s", [aggregate]
    ).fetchone()
    assert row is not None
    return int(row[0])


def check_held(connection: Connection, held: int) -> None:
    """Check that the position stands before an event that is not decided yet."""
    row = connection.execute("select evident.safe_position()").fetchone()
    assert row is not None
    assert row[0] < held
