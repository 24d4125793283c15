"""Calls that are interrupted at any moment, and what they leave behind."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from support.clients.calls import (
    Connection,
    Entry,
    Function,
    Outcome,
    append_batch,
    append_event,
    append_events,
    call,
    events_of,
)
from support.clients.waiting import Background, is_true, wait_until_blocked

ADVISORY = """
exists (
    select
    from pg_locks as l
    where l.pid = %s and l.locktype = 'advisory'
)
"""
STORED = "select count(*) from evident.event_store where aggregate_id = any (%s)"
CANCEL = "select pg_cancel_backend(%s)"

# Each makes a call that names the contended aggregate last.
Make = Callable[[uuid.UUID, int | None], tuple[Function, list[Entry]]]


def one_event(
    contended: uuid.UUID, expected: int | None
) -> tuple[Function, list[Entry]]:
    return append_event, [Entry(contended, expected, events_of("late", 1))]


def many_events(
    contended: uuid.UUID, expected: int | None
) -> tuple[Function, list[Entry]]:
    return append_events, [Entry(contended, expected, events_of("late", 50))]


def batch(contended: uuid.UUID, expected: int | None) -> tuple[Function, list[Entry]]:
    """Fill other aggregates first, which sort before the contended one."""
    others = [
        Entry(uuid.UUID(int=contended.int >> 64 + n), 0, events_of("late", 5))
        for n in range(3)
    ]
    return append_batch, [Entry(contended, expected, events_of("late", 2)), *others]


@dataclass
class Tally:
    """How the interrupted calls ended."""

    finished: int = 0
    interrupted: int = 0


def stored(observer: Connection, entries: Sequence[Entry]) -> int:
    row = observer.execute(STORED, [[each.aggregate for each in entries]]).fetchone()
    assert row is not None
    return int(row[0])


def check_whole(
    observer: Connection,
    connection: Connection,
    entries: Sequence[Entry],
    outcome: Outcome,
    tally: Tally,
) -> Iterator[str]:
    """Name what an interrupted call left half-done, and check the next call."""
    count = stored(observer, entries)
    if outcome.is_acknowledged:
        tally.finished += 1
        if count != sum(len(each.events) for each in entries):
            yield f"acknowledged, but {count} events"
    else:
        tally.interrupted += 1
        if outcome.sqlstate not in ("57014", "55P03"):
            yield f"ended with {outcome.sqlstate}"
        if count:
            yield f"{outcome.sqlstate}, but {count} events"
    if is_true(observer, ADVISORY, connection.info.backend_pid):
        yield "locks are left"
    after = call(connection, append_event, [Entry(uuid.uuid4(), 0, events_of("x", 1))])
    if after.versions != (1,):
        yield f"the next call ended with {after.sqlstate}"


def sweep(
    connection: Connection,
    observer: Connection,
    make: Make,
    interrupt: Callable[[Connection, Function, Sequence[Entry], float], Outcome],
    steps: int,
) -> tuple[list[str], Tally]:
    """Interrupt a call a little later each time, until after its usual end."""
    tally, found = Tally(), []
    function, entries = make(uuid.uuid4(), 0)
    started = time.monotonic()
    assert call(connection, function, entries).is_acknowledged
    usual = time.monotonic() - started
    for step in range(steps):
        function, entries = make(uuid.uuid4(), 0)
        delay = 1.5 * usual * step / steps
        outcome = interrupt(connection, function, entries, delay)
        found += check_whole(observer, connection, entries, outcome, tally)
    return found, tally


def time_out(
    connection: Connection, function: Function, entries: Sequence[Entry], delay: float
) -> Outcome:
    """Give the call so many seconds, at least one millisecond."""
    connection.execute(f"set statement_timeout = {max(1, round(delay * 1000))}")
    outcome = call(connection, function, entries)
    lift_timeouts(connection)
    return outcome


def lift_timeouts(connection: Connection) -> None:
    """Give the next call its time again.

    The statements that do so still run, and may end, under the short timeout; the
    server may notice that as late as at the next statement.
    """
    for _ in range(20):
        with contextlib.suppress(psycopg.errors.QueryCanceled):
            connection.execute("set statement_timeout = '30s'")
            connection.execute("set lock_timeout = 0")
            return


def canceller(
    observer: Connection,
) -> Callable[[Connection, Function, Sequence[Entry], float], Outcome]:
    """Make an interrupt that cancels the call so many seconds after its start."""

    def cancel(
        connection: Connection,
        function: Function,
        entries: Sequence[Entry],
        delay: float,
    ) -> Outcome:
        task = Background(lambda: call(connection, function, entries))
        time.sleep(delay)
        observer.execute(CANCEL, [connection.info.backend_pid])
        return task.result()

    return cancel


def interrupt_waiting(
    connection: Connection,
    observer: Connection,
    function: Function,
    entries: Sequence[Entry],
    how: str,
) -> Outcome:
    """Start a call that must wait, and interrupt it while it does."""
    if how != "cancel":
        connection.execute(f"set {how} = '50ms'")
    task = Background(lambda: call(connection, function, entries))
    if how == "cancel":
        wait_until_blocked(observer, connection)
        observer.execute(CANCEL, [connection.info.backend_pid])
    outcome = task.result()
    lift_timeouts(connection)
    return outcome
