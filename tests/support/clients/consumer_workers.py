"""Workers of a consumer, at random speeds, who stall, abandon and are killed."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

from support.clients.calls import Connection
from support.clients.killer import VICTIM
from support.clients.store import Store
from support.clients.waiting import is_true

T = TypeVar("T")

CONSUMER = "relay"
WORKER = "evident test worker"
CLAIM = """
select partition, epoch, id, aggregate_id, version
from evident.claim_events(%s, %s, %s, %s * interval '1 millisecond')
"""
CONFIRM = "select evident.confirm_events(%s, %s, %s, %s)"
RELEASE = "select evident.release_events(%s, %s, %s)"
# What is held back, by a prepared transaction, nobody can be given.
IS_DONE = """
not exists (
    select
    from evident.consumer_status as s
    cross join evident.feed_status as f
    where s.consumer = %s and s.position < f.safe_position
)
"""


@dataclass(frozen=True)
class Delivered:
    """One event as a worker gets it."""

    id: int
    aggregate: uuid.UUID
    version: int


@dataclass
class Confirmation:
    """One attempt to confirm; the outcome is ok, a SQLSTATE, or None: unknown."""

    position: int
    invoked: float
    returned: float = float("inf")
    outcome: str | None = None


@dataclass
class Claim:
    """What one call gave, and what its worker then said about it."""

    partition: int
    epoch: int
    events: list[Delivered]
    returned: float
    confirmations: list[Confirmation] = field(default_factory=list)


@dataclass
class Worker:
    """One worker; it goes on anew when its connection is lost."""

    store: Store
    rng: random.Random
    claims: list[Claim] = field(default_factory=list)
    losses: int = 0
    _connection: Connection | None = None

    def run(self, over: threading.Event) -> None:
        """Work until writing is over and nothing is left."""
        while not (over.is_set() and self._try(is_done)):
            claim = self._try(lambda each: self._claim(each, over.is_set()))
            if claim is None:
                time.sleep(self.rng.random() * 0.003)
                continue
            self.claims.append(claim)
            self._deal_with(claim, is_calm=over.is_set())
        if self._connection:
            self._connection.close()
            self._connection = None

    def _claim(self, connection: Connection, is_calm: bool) -> Claim | None:
        limit = self.rng.choice([1, 3, 20, 1000])
        lease = 5000 if is_calm else self.rng.choice([1, 5, 30, 200])
        rows = connection.execute(CLAIM, [CONSUMER, "worker", limit, lease]).fetchall()
        if not rows:
            return None
        events = [Delivered(*row[2:]) for row in rows]
        return Claim(rows[0][0], rows[0][1], events, time.monotonic())

    def _deal_with(self, claim: Claim, is_calm: bool) -> None:
        """Confirm all, some or nothing, at once or after the lease."""
        kind = "all" if is_calm else self.rng.choice(KINDS)
        last = claim.events[-1].id
        if kind in ("some", "give back"):
            self._confirm(claim, self.rng.choice(claim.events).id)
        if kind == "stall":
            time.sleep(self.rng.random() * 0.04)
        if kind == "give back":
            self._try(lambda each: self._release(each, claim))
        elif kind != "abandon":
            self._confirm(claim, last)

    def _confirm(self, claim: Claim, position: int) -> None:
        """Confirm, and once more when the answer was lost."""
        for _ in range(2):
            attempt = Confirmation(position, time.monotonic())
            claim.confirmations.append(attempt)
            outcome = self._try(lambda each: self._outcome(each, claim, position))
            if outcome is not None:
                attempt.outcome = outcome
                attempt.returned = time.monotonic()
                return

    def _outcome(self, connection: Connection, claim: Claim, position: int) -> str:
        try:
            connection.execute(
                CONFIRM, [CONSUMER, claim.partition, claim.epoch, position]
            )
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            return str(error.sqlstate)
        return "ok"

    def _release(self, connection: Connection, claim: Claim) -> None:
        try:
            connection.execute(RELEASE, [CONSUMER, claim.partition, claim.epoch])
        except psycopg.Error as error:
            if error.sqlstate != "PT423":
                raise

    def _try(self, action: Callable[[Connection], T]) -> T | None:
        """Do something on the connection; None when it was lost meanwhile."""
        try:
            if self._connection is None:
                self._connection = self.store.connect(application_name=WORKER)
            return action(self._connection)
        except psycopg.OperationalError:
            self.losses += 1
            self._connection = None
            return None


KINDS = ["all", "all", "all", "some", "stall", "abandon", "give back"]


def is_done(connection: Connection) -> bool:
    return is_true(connection, IS_DONE, CONSUMER)


def kill_workers(observer: Connection, over: threading.Event) -> int:
    """Kill a working backend every now and then; count the kills."""
    kills = 0
    while not over.wait(0.05):
        kills += observer.execute(VICTIM, [WORKER]).rowcount
    return kills
