"""Clients whose events are large, to fill a disk with."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

from psycopg import IsolationLevel

from support.checkers.history import transaction_of
from support.clients.calls import Connection, Entry, Event
from support.clients.client import Client
from support.clients.operations import Operation, perform_alone
from support.clients.workload import Workload
from support.models.history import Level


@dataclass
class Bulky(Client):
    """A client that appends to aggregates of its own, and much at once."""

    def one(self, connection: Connection) -> None:
        """Append one large event, many of middling size, or a batch of them."""
        number = len(self.history)
        entries, count, size = self.rng.choice([(1, 1, 400), (1, 60, 3), (3, 15, 4)])
        operation = Operation(
            f"{self.name}.{number}",
            tuple(self.entry(number, count, size) for _ in range(entries)),
        )
        try:
            perform_alone(connection, operation)
        finally:
            self.history.append(transaction_of(operation))

    def entry(self, number: int, count: int, kilobytes: int) -> Entry:
        events = tuple(
            Event(
                "Noted",
                # Nothing that can be compressed.
                {
                    "op": f"{self.name}.{number}",
                    "n": n,
                    "filling": self.rng.randbytes(kilobytes * 512).hex(),
                },
            )
            for n in range(count)
        )
        return Entry(uuid.UUID(int=self.rng.getrandbits(128)), 0, events)


def add_bulky(work: Workload, count: int) -> None:
    """Let some clients with large events work beside the others."""
    work.clients += [
        Bulky(
            work.store,
            f"bulky {number}",
            random.Random(work.rng.getrandbits(64)),
            IsolationLevel.READ_COMMITTED,
            Level.READ_COMMITTED,
            aggregates=list,
            acknowledged=lambda _: None,
        )
        for number in range(count)
    ]
