"""Two sessions with the same work at the same moment, of which one is killed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from support.checkers.ledger import ledger_violations
from support.checkers.projections import drift
from support.clients.calls import Connection
from support.clients.every_call import BATCH, CLAIM, EVENT
from support.clients.projection_work import REBUILD, RUN
from support.clients.seal_work import SEAL, leaves, seal_all
from support.clients.stepped_calls import ADDED, MIXED, NEW, Call, Prepare, give, spoil
from support.clients.store import Store
from support.clients.trap import GONE, Trap, outcome
from support.clients.waiting import (
    Background,
    is_true,
    wait_for,
    wait_until_blocked_or_done,
)
from support.models.projection_models import ASYNC_ACROSS, SYNC, differences

TERMINATE = "select pg_terminate_backend(%s)"
STOPPED = """
exists (
    select from pg_stat_activity as a where a.pid = %s and a.wait_event = 'PgSleep'
)
"""
VERSIONS = """
select e.aggregate_id, count(*), max(e.version), count(distinct e.version)
from evident.event_store as e
group by e.aggregate_id
having count(*) <> max(e.version)
"""
COUNT = "select count(*) from evident.event_store"
Check = Callable[[Store, Connection, list[tuple[object, ...]], int], list[str]]


@dataclass(frozen=True)
class Meeting:
    """A call that two sessions make; `check` gets what the survivor was given.

    `count` is the number of events before both.
    """

    name: str
    call: Call
    check: Check
    prepare: Prepare = lambda observer: None


def all_sealed(
    store: Store, observer: Connection, rows: list[tuple[object, ...]], count: int
) -> list[str]:
    """Seal the rest; each event was then sealed by exactly one who answered."""
    before = leaves(observer) - int(str(rows[0][0]))
    with store.connect() as connection:
        sealed = int(str(rows[0][0])) + seal_all(connection)
    found = ledger_violations(observer)
    if leaves(observer) - before != sealed:
        found.append(f"{sealed} events sealed, {leaves(observer) - before} leaves more")
    return found


def all_folded(
    store: Store, observer: Connection, rows: list[tuple[object, ...]], count: int
) -> list[str]:
    """Fold the rest; each event was then folded exactly once, in its place."""
    observer.execute(RUN, [ASYNC_ACROSS.name, 1000])
    found = differences(store.db, ASYNC_ACROSS) + differences(store.db, SYNC)
    return found + drift(observer)


def appended(number: int) -> Check:
    """Make a check that so many events are new: the survivor's."""

    def check(
        store: Store, observer: Connection, rows: list[tuple[object, ...]], count: int
    ) -> list[str]:
        row = observer.execute(COUNT).fetchone()
        gaps = observer.execute(VERSIONS).fetchall()
        new = int(row[0]) - count if row else 0
        wrong = [] if new == number else [f"{new} events instead of {number}"]
        return wrong + [f"versions with a gap: {each}" for each in gaps]

    return check


def claimed_once(
    store: Store, observer: Connection, rows: list[tuple[object, ...]], count: int
) -> list[str]:
    """Claim the rest; each event was then given exactly once, and give all back."""
    with store.connect() as connection:
        rest = [connection.execute(CLAIM, ["relay"]).fetchall() for _ in range(2)]
    given = sorted(str(row[3]) for row in (*rows, *rest[0], *rest[1]))
    row = observer.execute("select array_agg(id::text) from evident.read_feed(0)")
    (stored,) = row.fetchone() or ([],)
    observer.execute(GIVE_BACK)
    return [] if given == sorted(stored) else [f"given {given} of {sorted(stored)}"]


GIVE_BACK = (
    "update evident.consumer_partition set position = 0, lease_expires_at = null"
)


def consume_all(observer: Connection) -> None:
    observer.execute("select evident.create_consumer('relay', 2)")


RUNNERS = Meeting(
    "run_projection", (RUN, [ASYNC_ACROSS.name, 1000]), all_folded, give(1)
)
MEETINGS = [
    # First, for it is about all events.
    Meeting("claim_events", (CLAIM, ["relay"]), claimed_once, consume_all),
    Meeting("seal", (SEAL, [100_000]), all_sealed, give(1)),
    RUNNERS,
    Meeting("rebuild", (REBUILD, [SYNC.name, 0, 1]), all_folded, spoil(SYNC)),
    Meeting("append_event", (EVENT, [NEW, "Added", ADDED, None, None]), appended(1)),
    Meeting("append_batch", (BATCH, [MIXED.replace("6", "null")]), appended(4)),
]


def meet(
    store: Store, trap: Trap, meeting: Meeting, rng: random.Random, every: int
) -> tuple[int, list[str]]:
    """Kill the first at every so many of its statements; count the kills."""
    observer, kills = trap.observer, 0
    at = 1 + rng.randrange(every)
    while True:
        meeting.prepare(observer)
        trap.extend()
        row = observer.execute(COUNT).fetchone()
        assert row is not None
        one = trap.session(store, at, "wait")
        pid = one.info.backend_pid
        first = Background(lambda one=one: outcome(one, meeting.call))
        while not first.is_done() and not is_true(observer, STOPPED, pid):
            time.sleep(0.001)
        if first.is_done():
            # Beyond its last statement: it was through.
            return kills, []
        with store.connect() as other:
            second = Background(lambda other=other: outcome(other, meeting.call))
            wait_until_blocked_or_done(observer, other, second)
            observer.execute(TERMINATE, [pid])
            state, rows = second.result()
        wait_for(observer, GONE, pid)
        kills += 1
        found = meeting.check(store, observer, rows, row[0])
        if state is not None:
            found.append(f"the other one ended with {state}")
        if first.result()[0] != "57P01":
            found.append(f"the first one ended with {first.result()[0]}")
        if found:
            return kills, [f"{meeting.name}, killed at {at}: {each}" for each in found]
        at += every
