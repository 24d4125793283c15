"""Transactions that stay idle, and how late the feed shows events beside them."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Iterator

import psycopg

from support.clients.calls import Connection, Entry, append_event, events_of
from support.clients.feed_readers import Reader
from support.clients.store import Connectable, Store
from support.clients.waiting import Background

# What an unrelated transaction did before it went idle.
HERE = [
    "select count(*) from evident.event_store",
    "insert into public.elsewhere values (1)",
    "lock table public.elsewhere in row exclusive mode",
    "select pg_current_xact_id()",
    # Locks that look like an announcement, but are none.
    "select pg_advisory_xact_lock_shared(17750)",
    "select pg_advisory_xact_lock_shared(17750 << 16, 0)",
    "select pg_advisory_xact_lock_shared(17751::bigint << 48)",
]
OTHER_DATABASE = [
    "insert into public.elsewhere values (1)",
    "select pg_advisory_xact_lock_shared(17750::bigint << 48)",
]
TABLE = "create table if not exists public.elsewhere (n integer)"


@contextlib.contextmanager
def idle_transactions(db: Connectable, other: Connectable) -> Iterator[list[int]]:
    """Keep transactions idle that never append; give their process ids."""
    with contextlib.ExitStack() as opened:
        pids = []
        for database, statements in ((db, HERE), (other, OTHER_DATABASE)):
            with database.connect(autocommit=True) as connection:
                connection.execute(TABLE)
            for statement in statements:
                for level in psycopg.IsolationLevel(2), psycopg.IsolationLevel(4):
                    connection = database.connect()
                    opened.callback(connection.close)
                    connection.isolation_level = level
                    connection.execute(statement)
                    pids.append(connection.info.backend_pid)
        yield pids


def measure_lag(
    store: Store, rng: random.Random, seconds: float
) -> tuple[dict[int, float], dict[int, float]]:
    """Append for some time; give when each event was acknowledged and when seen."""
    reader, over = Reader(), threading.Event()
    following = Background(lambda: reader.follow(store, rng.getrandbits(32), over))
    try:
        with store.connect() as connection:
            acknowledged = append_for(connection, seconds)
    finally:
        # Nobody is waited for: what is not seen soon counts as never seen.
        over.wait(1)
        over.set()
    following.result()
    return acknowledged, reader.seen_at


def append_for(connection: Connection, seconds: float) -> dict[int, float]:
    acknowledged = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        aggregate = uuid.uuid4()
        append_event(connection, [Entry(aggregate, 0, events_of("lag", 1))])
        answered = time.monotonic()
        row = connection.execute(
            "select id from evident.event_store where aggregate_id = %s", [aggregate]
        ).fetchone()
        assert row is not None
        acknowledged[row[0]] = answered
    return acknowledged
