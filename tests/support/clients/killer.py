"""Clients whose backends are killed under them, and the one who kills."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Sequence

import psycopg

from support.clients.calls import Connection, Entry, events_of
from support.clients.operations import Operation, perform_alone
from support.clients.store import LOGIN, Store
from support.clients.waiting import Background, together

ANSWERS_PER_KILL = 4
# One session at work, of a login or an application.
AT_WORK = """
select a.pid
from pg_stat_activity as a
where
    a.datname = current_database()
    and %s in (a.usename::text, a.application_name)
    and a.state = 'active'
order by random()
limit 1
"""
VICTIM = f"select pg_terminate_backend(a.pid) from ({AT_WORK}) as a"


def run_under_kills(
    store: Store,
    observer: Connection,
    rng: random.Random,
    *,
    clients: int = 8,
    rounds: int = 60,
    aggregates: int = 6,
) -> tuple[list[Operation], int]:
    """Run batches of all kinds while backends are killed; count the kills."""
    shared = [uuid.UUID(int=rng.getrandbits(128)) for _ in range(aggregates)]
    over = threading.Event()
    answered: list[str] = []
    killer = Background(lambda: kill(observer, answered, over))
    seeds = [rng.getrandbits(32) for _ in range(clients)]
    try:
        done = together(
            [
                lambda n=n, s=s: client(store, n, s, rounds, shared, answered)
                for n, s in enumerate(seeds)
            ]
        )
    finally:
        over.set()
    kills = killer.result()
    return [operation for operations in done for operation in operations], kills


def kill(observer: Connection, answered: Sequence[str], over: threading.Event) -> int:
    """Kill a working backend each time that some more calls were answered.

    By answers, not by time: on a slow machine a killer that keeps to the clock would
    leave nobody to succeed.
    """
    kills = 0
    while not over.wait(0.001):
        if len(answered) >= kills * ANSWERS_PER_KILL:
            kills += observer.execute(VICTIM, [LOGIN]).rowcount
    return kills


def client(
    store: Store,
    number: int,
    seed: int,
    rounds: int,
    shared: Sequence[uuid.UUID],
    answered: list[str],
) -> list[Operation]:
    """Send batches and name those answered; after a lost connection go on anew."""
    rng = random.Random(seed)
    operations: list[Operation] = []
    guess = dict.fromkeys(shared, 0)
    connection = connect(store)
    for i in range(rounds):
        operation = batch(rng, f"{seed:x}.{number}.{i}", shared, guess)
        operations.append(operation)
        try:
            perform_alone(connection, operation)
            answered.append(operation.name)
            learn(guess, operation)
        except psycopg.OperationalError:
            connection.close()
            connection = connect(store)
    connection.close()
    return operations


def connect(store: Store) -> Connection:
    """Connect; the killer may strike before the connection is made."""
    for _ in range(20):
        try:
            return store.connect()
        except psycopg.OperationalError:
            time.sleep(0.001)
    return store.connect()


def batch(
    rng: random.Random,
    name: str,
    shared: Sequence[uuid.UUID],
    guess: dict[uuid.UUID, int],
) -> Operation:
    """Make a batch in a random order of entries, in all ways to expect a version."""
    entries = []
    for aggregate in rng.sample(shared, rng.randint(2, 5)):
        expected = rng.choice([guess[aggregate], None, None, -1])
        is_check = expected is not None and rng.random() < 0.25
        events = () if is_check else events_of(name, rng.randint(1, 3))
        entries.append(Entry(aggregate, expected, events))
    return Operation(name, tuple(entries))


def learn(guess: dict[uuid.UUID, int], operation: Operation) -> None:
    """Remember the versions that an answer told."""
    outcome = operation.outcome
    if outcome is None:
        return
    for conflict in outcome.conflicts or []:
        guess[uuid.UUID(conflict["aggregate_id"])] = conflict["actual"]
    if outcome.is_acknowledged:
        for entry, version in zip(operation.entries, outcome.versions, strict=True):
            guess[entry.aggregate] = version
