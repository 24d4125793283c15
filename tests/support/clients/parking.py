"""Workers that park what they cannot deal with, and one who decides about it."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

from support.clients.calls import Connection
from support.clients.store import Logged, Store

T = TypeVar("T")

CONSUMER = "parking"
WORKER = "evident test worker"
CLAIM = """
select partition, epoch, id, aggregate_id, version
from evident.claim_events(%s, 'worker', %s, %s * interval '1 millisecond')
"""
CONFIRM = "select evident.confirm_events(%s, %s, %s, %s)"
RELEASE = "select evident.release_events(%s, %s, %s, %s)"
PARK = "select evident.park_event(%s, %s, %s, %s, 'poison')"
PARKED = """
select w.aggregate_id, w.position
from evident.consumer_parked as w
where w.consumer = %s and w.parked_version is not null
"""
RETRY = "select evident.retry_parked(%s, %s)"
SKIP = "select evident.skip_parked(%s, %s, 'me', 'broken for good')"
IS_LEFT = """
select
    exists (
        select from evident.consumer_status as s where s.consumer = %s and s.lag > 0
    )
    or exists (
        select from evident.consumer_parked as w where w.consumer = %s
    )
"""
# Meanwhile others decided, or have the events, or the aggregate.
EXPECTED = ("PT423", "PT404", "PT400", "40P01")


@dataclass
class Dealt:
    """What was dealt with, in the order in which it was."""

    events: list[tuple[uuid.UUID, int, int]] = field(default_factory=list)
    parked: int = 0
    lost: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Poison:
    """Which events cannot be dealt with: one of seven, until an operator repairs it."""

    repaired: set[int] = field(default_factory=set)

    def strikes(self, position: int) -> bool:
        return position % 7 == 0 and position not in self.repaired


@dataclass
class Session:
    """A connection that is made anew when it is lost."""

    store: Store
    dealt: Dealt
    connection: Connection | None = None

    def call(self, action: Callable[[Connection], T]) -> T | None:
        """Do something; None when it was refused or the connection was lost."""
        try:
            if self.connection is None:
                self.connection = self.store.connect(application_name=WORKER)
            return action(self.connection)
        except psycopg.OperationalError:
            self.connection = None
            self.dealt.lost += 1
            return None
        except psycopg.Error as error:
            if error.sqlstate not in EXPECTED:
                raise
            return None

    def close(self) -> None:
        if self.connection:
            self.connection.close()


def work(
    store: Store,
    rng: random.Random,
    dealt: Dealt,
    poison: Poison,
    over: threading.Event,
) -> None:
    """Claim, deal with, park, confirm, give back or abandon until all is done."""
    session = Session(store, dealt)
    while not (over.is_set() and session.call(is_done)):
        lease = 5000 if over.is_set() else rng.choice([1, 10, 50, 1000])
        limit = rng.choice([1, 3, 20])
        rows = session.call(
            lambda c, a=[CONSUMER, limit, lease]: c.execute(CLAIM, a).fetchall()
        )
        if rows:
            _deal_with(session, rng, rows, poison, is_calm=over.is_set())
        else:
            time.sleep(rng.random() * 0.003)
    session.close()


def _deal_with(
    session: Session,
    rng: random.Random,
    rows: list[tuple[int, int, int, uuid.UUID, int]],
    poison: Poison,
    *,
    is_calm: bool,
) -> None:
    key = [CONSUMER, *rows[0][:2]]
    waiting = set()
    for _, _, position, aggregate, version in rows:
        if aggregate in waiting:
            continue
        if poison.strikes(position):
            waiting.add(aggregate)
            done = session.call(lambda c, p=position: c.execute(PARK, [*key, p]))
            if done is None:
                # Not known: whoever has the events deals with them.
                return
            session.dealt.parked += 1
            continue
        if not is_calm and rng.random() < 0.02:
            return
        with session.dealt.lock:
            session.dealt.events.append((aggregate, version, position))
        if rng.random() < 0.1:
            session.call(lambda c, p=position: c.execute(CONFIRM, [*key, p]))
    if not is_calm and rng.random() < 0.1:
        session.call(lambda c: c.execute(RELEASE, [*key, rng.random() < 0.5]))
    else:
        session.call(lambda c: c.execute(CONFIRM, [*key, rows[-1][2]]))


def decide(
    store: Store,
    rng: random.Random,
    dealt: Dealt,
    poison: Poison,
    over: threading.Event,
) -> None:
    """Retry what is parked, repaired or not, and skip some of it, until all is done."""
    session = Session(store, dealt)
    while not (over.is_set() and session.call(is_done)):
        found = session.call(lambda c: c.execute(PARKED, [CONSUMER]).fetchall())
        for aggregate, position in found or []:
            if rng.random() < 0.3:
                session.call(lambda c, a=aggregate: c.execute(SKIP, [CONSUMER, a]))
                poison.repaired.add(position)
            else:
                if rng.random() < 0.7:
                    poison.repaired.add(position)
                session.call(lambda c, a=aggregate: c.execute(RETRY, [CONSUMER, a]))
        time.sleep(rng.random() * 0.01)
    session.close()


def is_done(connection: Connection) -> bool:
    row = connection.execute(IS_LEFT, [CONSUMER, CONSUMER]).fetchone()
    return row == (False,)


def parking_violations(dealt: Dealt, log: list[Logged], skipped: set[int]) -> list[str]:
    """Name what was never dealt with, and what was before an earlier event of its own.

    An event may be dealt with again; what counts is when it was the first time. One
    that was skipped has no place: a worker whose lease is over may still deal with it
    when the operator has decided and the later ones came.
    """
    return list(_violations(dealt, log, skipped))


def _violations(dealt: Dealt, log: list[Logged], skipped: set[int]) -> Iterator[str]:
    first: dict[int, int] = {}
    for place, (_, _, position) in enumerate(dealt.events):
        first.setdefault(position, place)
    missed = {each.id for each in log} - first.keys() - skipped
    if missed:
        yield f"missed {len(missed)} of {len(log)} events, first {min(missed)}"
    ordered = first.keys() - skipped
    streams: dict[uuid.UUID, list[int]] = defaultdict(list)
    for each in sorted(log, key=lambda one: one.id):
        streams[each.aggregate].append(each.id)
    for aggregate, ids in streams.items():
        places = [first[each] for each in ids if each in ordered]
        if places != sorted(places):
            yield f"events of {aggregate} were dealt with out of order"
            return
