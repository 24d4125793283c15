"""Clients that append to a few shared aggregates and record what they were told."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence

from psycopg import IsolationLevel

from support.clients.calls import Connection, Entry, events_of
from support.clients.operations import (
    Operation,
    perform,
    perform_after_reading,
    perform_alone,
    versions_now,
)
from support.clients.store import Store
from support.clients.waiting import together

Make = Callable[[random.Random, str, Connection, Sequence[uuid.UUID]], Operation]


def run_clients(
    store: Store,
    rng: random.Random,
    kinds: Sequence[Make],
    *,
    clients: int,
    rounds: int,
    aggregates: int,
    level: IsolationLevel | None = None,
) -> list[Operation]:
    """Let clients work side by side, each on a connection of its own."""
    shared = sorted(uuid.UUID(int=rng.getrandbits(128)) for _ in range(aggregates))

    def client(number: int, seed: int) -> list[Operation]:
        own = random.Random(seed)
        with store.connect(level) as connection:
            return [
                own.choice(kinds)(own, f"{seed:x}.{number}.{i}", connection, shared)
                for i in range(rounds)
            ]

    seeds = [rng.getrandbits(32) for _ in range(clients)]
    done = together([lambda n=n, s=s: client(n, s) for n, s in enumerate(seeds)])
    return [operation for operations in done for operation in operations]


def list_append(
    rng: random.Random, name: str, connection: Connection, shared: Sequence[uuid.UUID]
) -> Operation:
    """Read a whole aggregate and append one event behind what was read."""
    entry = Entry(rng.choice(shared), None, events_of(name, 1))
    return perform_after_reading(connection, Operation(name, (entry,)))


def exact_append(
    rng: random.Random, name: str, connection: Connection, shared: Sequence[uuid.UUID]
) -> Operation:
    """Append one to three events to the version that was last seen."""
    aggregate = rng.choice(shared)
    (version,) = versions_now(connection, [aggregate])
    entry = Entry(aggregate, version, events_of(name, rng.randint(1, 3)))
    run = rng.choice([perform, perform_alone])
    return run(connection, Operation(name, (entry,)))


def any_append(
    rng: random.Random, name: str, connection: Connection, shared: Sequence[uuid.UUID]
) -> Operation:
    """Append one or two events to whatever version there is."""
    count = rng.randint(1, 2)
    entry = Entry(rng.choice(shared), None, events_of(name, count))
    run = rng.choice([perform, perform_alone])
    return run(connection, Operation(name, (entry,)))


def existing_append(
    rng: random.Random, name: str, connection: Connection, shared: Sequence[uuid.UUID]
) -> Operation:
    """Append to an aggregate that must exist."""
    entry = Entry(rng.choice(shared), -1, events_of(name, 1))
    return perform_alone(connection, Operation(name, (entry,)))


def exact_batch(
    rng: random.Random, name: str, connection: Connection, shared: Sequence[uuid.UUID]
) -> Operation:
    """Append to two or three aggregates at the versions that were last seen."""
    chosen = rng.sample(shared, rng.randint(2, 3))
    versions = versions_now(connection, chosen)
    entries = [
        Entry(aggregate, version, events_of(f"{name}", rng.randint(1, 2)))
        for aggregate, version in zip(chosen, versions, strict=True)
    ]
    return perform(connection, Operation(name, tuple(entries)))


def mixed_batch(
    rng: random.Random, name: str, connection: Connection, shared: Sequence[uuid.UUID]
) -> Operation:
    """Append to some aggregates in each way of naming a version."""
    return batch_of(rng, name, connection, shared, share_of_checks=0)


def checking_batch(
    rng: random.Random, name: str, connection: Connection, shared: Sequence[uuid.UUID]
) -> Operation:
    """Append to some aggregates in each way, and only check others."""
    return batch_of(rng, name, connection, shared, share_of_checks=0.3)


def batch_of(
    rng: random.Random,
    name: str,
    connection: Connection,
    shared: Sequence[uuid.UUID],
    share_of_checks: float,
) -> Operation:
    chosen = rng.sample(shared, rng.randint(2, 4))
    versions = versions_now(connection, chosen)
    entries = []
    for aggregate, version in zip(chosen, versions, strict=True):
        expected = rng.choice([version, version, None, -1])
        is_check = expected is not None and rng.random() < share_of_checks
        events = () if is_check else events_of(name, rng.randint(1, 2))
        entries.append(Entry(aggregate, expected, events))
    run = rng.choice([perform, perform_alone])
    return run(connection, Operation(name, tuple(entries)))
