"""Writers and readers of the feed whose connections, and server, are taken away."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from support.checkers.feed import feed_violations
from support.clients.crashes import following_readers, prepare_one
from support.clients.feed_readers import PATIENCE, Reader
from support.clients.feed_work import append_one, check_held, ids_behind, in_background
from support.clients.feed_writers import KINDS, Progress
from support.clients.killer import VICTIM
from support.clients.store import LOGIN, Store
from support.servers.crashing import WAYS
from support.servers.durable import Mortal

# Sessions that are ended between two crashes.
SESSIONS = 12


@dataclass
class Faulty:
    """What is stored in the end, what each reader consumed, and what was done to it."""

    log: list[int] = field(default_factory=list)
    readers: Sequence[Reader] = ()
    crashes: int = 0
    ended_sessions: int = 0
    prepared: int = 0

    @property
    def deliveries(self) -> int:
        return sum(len(each.seen) for each in self.readers)

    @property
    def lost_by_readers(self) -> int:
        return sum(each.losses for each in self.readers)

    def violations(self) -> list[str]:
        """Name what readers skipped, repeated, or saw in another order."""
        return [v for r in self.readers for v in feed_violations(r.seen, self.log)]


def run_under_faults(
    mortal: Mortal,
    rng: random.Random,
    *,
    events: int,
    readers: int,
    crashes: int,
    writers: int = 8,
) -> Faulty:
    """Write so many events while sessions are ended and the server crashes."""
    done, progress, store = Faulty(), Progress(events), mortal.store
    start = max(ids(store), default=0)
    with following_readers(store, rng, readers, start) as done.readers:
        writing = in_background(lambda s: write_over(store, s, progress), rng, writers)
        try:
            for number in range(crashes):
                end_sessions(done, store, progress, number / crashes, 1 / crashes)
                crash_once(done, mortal, rng)
        except BaseException:
            progress.stop()
            raise
        for each in writing:
            each.result(PATIENCE)
    done.log = [each for each in ids(store) if each > start]
    return done


def end_sessions(
    done: Faulty, store: Store, progress: Progress, share: float, more: float
) -> None:
    """Go on behind a share of all events, by nearly `more`, ending sessions on the way.

    The rest is for after the crash: readers are to meet writers again.
    """
    with contextlib.closing(store.db.connect(autocommit=True)) as observer:
        for step in range(1, SESSIONS + 1):
            progress.wait_for(share + more * step / (SESSIONS + 1))
            done.ended_sessions += observer.execute(VICTIM, [LOGIN]).rowcount


def crash_once(done: Faulty, mortal: Mortal, rng: random.Random) -> None:
    """Crash the server; every other time a prepared transaction outlives that."""
    store, way = mortal.store, WAYS[done.crashes % len(WAYS)]
    is_held = done.crashes // len(WAYS) % 2 == done.crashes % 2
    before = max(len(each.seen) for each in done.readers)
    if is_held:
        with store.connect() as connection:
            held = prepare_one(connection, "held")
    way(mortal, rng)
    done.crashes += 1
    if is_held:
        with store.connect() as connection:
            check_held(connection, held)
            verb = rng.choice(["commit", "rollback"])
            connection.execute(f"{verb} prepared 'held'")
        done.prepared += 1
    # The writers may have written all that they were to before the crash.
    with store.connect() as connection:
        append_one(connection)
    wait_for_more(done.readers, before)


def wait_for_more(readers: Sequence[Reader], before: int) -> None:
    """Wait until a reader has gone on."""
    deadline = time.monotonic() + PATIENCE
    while max(len(each.seen) for each in readers) <= before:
        assert time.monotonic() < deadline, "no reader goes on after the crash"
        time.sleep(0.005)


def write_over(store: Store, seed: int, progress: Progress) -> None:
    """Write to the end, with a new connection whenever one is lost."""
    rng = random.Random(seed)
    deadline = time.monotonic() + PATIENCE
    try:
        while not progress.is_over():
            try:
                with store.connect() as connection:
                    deadline = time.monotonic() + PATIENCE
                    while not progress.is_over():
                        progress.add(rng.choice(KINDS)(connection, rng))
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
    except BaseException:
        progress.stop()
        raise


def ids(store: Store) -> list[int]:
    with contextlib.closing(store.db.connect(autocommit=True)) as observer:
        return ids_behind(observer, 0)
