"""Writers and readers on a server that is killed again and again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections.abc import Iterator

import psycopg

from pg_evident.server.cluster import Server
from support.clients.calls import Connection
from support.clients.feed_readers import Reader
from support.clients.feed_work import append_one, in_background, seeds_of
from support.clients.feed_writers import Progress, write
from support.clients.store import Store
from support.clients.waiting import Background, results


def crash(server: Server) -> None:
    """Kill the postmaster, then whatever it left behind.

    Not where commits wait for a standby: see Server.crash.
    """
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.crash()


def write_until_crash(
    store: Store, server: Server, rng: random.Random, events: int
) -> None:
    """Let writers go until so many events are there, and kill the server then."""
    progress = Progress(events * 100)
    writing = in_background(lambda s: write_while_it_lives(store, s, progress), rng, 6)
    progress.wait_for(0.01)
    crash(server)
    results(writing)


def write_while_it_lives(store: Store, seed: int, progress: Progress) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        write(store, seed, progress)


@contextlib.contextmanager
def following_readers(
    store: Store, rng: random.Random, count: int, start: int = 0
) -> Iterator[list[Reader]]:
    """Keep readers at work, through crashes, until the block ends and all is read."""
    over = threading.Event()
    readers = [Reader(start=start) for _ in range(count)]
    tasks = [
        Background(lambda r=each, s=seed: r.follow(store, s, over))
        for each, seed in zip(readers, seeds_of(rng, count), strict=True)
    ]
    try:
        yield readers
    finally:
        over.set()
    results(tasks, 600)


def prepare_one(connection: Connection, name: str) -> int:
    """Leave one event in a prepared transaction and give its id."""
    connection.execute("begin")
    held = append_one(connection)
    connection.execute(f"prepare transaction '{name}'")
    return held
