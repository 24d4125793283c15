"""The steps of a worker: notice what is new, look at all projections, fold, seal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pg_evident.database import is_lost
from pg_evident.ledger.seal import IS_LEFT, LIMIT, SEAL
from pg_evident.projections.log import Row, WorkerLog
from pg_evident.projections.turns import (
    LONGEST_PENALTY,
    SHORTEST_PAUSE,
    Reason,
    Sealing,
    Turn,
)
from pg_evident.steps.limits import STATEMENT, Size, is_lock, is_too_much, limit
from pg_evident.steps.pauses import Pause

Connection = psycopg.Connection[Any]

# Failures in a row after which `once` leaves a projection, or the ledger, alone.
ATTEMPTS = 3

_RUN = "select evident.run_projection(%s, %s)"
_STAMP = "select evident.stamp_position(%s)"
_POSITION = "select evident.safe_position()"
# Done, for --once: at the position, or unable to go on; see run_projection.
_STATUS = """
    select
        s.name,
        s.is_stale,
        s.events_behind,
        s.failures,
        s.last_error,
        s.state = 'paused'
        or exists (
            select
            from evident.projection_failure as f
            where f.projection = s.name and f.key = ''
        )
        or (s.mode = 'sync' and s.state = 'running')
        or (s.position >= %s and (s.state = 'running' or s.failures > 0)) as is_done
    from evident.projection_status as s
    order by s.name
"""


@dataclass(frozen=True)
class Work:
    """What to do: the longest pause in seconds, and what else than to fold.

    `seal_interval` is in seconds, None for a worker that does not seal.
    """

    interval: float = 1.0
    seal_interval: float | None = 5.0
    stamps: bool = True
    notifies: bool = False
    listens: bool = False
    once: bool = False


@dataclass
class State:
    """What a worker remembers from one round to the next, over reconnections too."""

    work: Work
    log: WorkerLog
    turns: dict[str, Turn] = field(default_factory=dict)
    sealing: Sealing | None = field(init=False)
    position: int = -1
    target: int | None = None
    tick: Pause = field(init=False)
    tick_due: float = 0.0
    look_due: float = 0.0
    trouble: Pause = field(default_factory=lambda: Pause(1.0, LONGEST_PENALTY))
    has_worked: bool = False
    # Whether the next error that gets out of a round ends the worker.
    is_final: bool = True

    def __post_init__(self) -> None:
        self.tick = Pause(min(SHORTEST_PAUSE, self.work.interval), self.work.interval)
        seconds = self.work.seal_interval
        self.sealing = None if seconds is None else Sealing(seconds, Size(LIMIT, LIMIT))


def notice(connection: Connection, state: State) -> None:
    """Stamp the position; when it has moved, let everybody have a turn."""
    now = time.monotonic()
    if now < state.tick_due:
        return
    if state.work.stamps:
        position = _value(connection, _STAMP, [state.work.notifies])
    else:
        position = _value(connection, _POSITION, [])
    if state.target is None:
        state.target = _value(connection, _POSITION, [])
    if position != state.position:
        state.position = position
        state.tick.reset()
        for turn in state.turns.values():
            turn.wake(now)
    state.tick_due = now + state.tick.next()


def look(connection: Connection, state: State) -> list[Row] | None:
    """Once an interval, and when `once` may be over: find out about all projections."""
    now = time.monotonic()
    is_idle = all(turn.due > now for turn in state.turns.values())
    if now < state.look_due and not (state.work.once and is_idle):
        return None
    with connection.transaction():
        limit(connection)
        found = connection.execute(_STATUS, [state.target]).fetchall()
    rows = [Row(*each) for each in found]
    state.turns = {
        row.name: state.turns.get(row.name) or Turn(row.name, state.work.interval)
        for row in rows
    }
    state.log.looked(rows)
    state.look_due = now + state.work.interval
    return rows


def is_over(rows: list[Row], state: State) -> bool:
    """Say whether `once` has nothing left to fold and to seal."""
    sealing = state.sealing
    is_sealed = sealing is None or sealing.is_done or sealing.penalty.times >= ATTEMPTS
    return is_sealed and all(
        row.is_done or state.turns[row.name].penalty.times >= ATTEMPTS for row in rows
    )


def is_well(rows: list[Row], state: State) -> bool:
    """Say whether nothing has failed, now that all is over."""
    penalties = [state.turns[row.name].penalty for row in rows]
    if state.sealing is not None:
        penalties.append(state.sealing.penalty)
    return not any(row.failures for row in rows) and not any(
        each.times for each in penalties
    )


def seal(connection: Connection, sealing: Sealing, state: State) -> None:
    """Seal new events; a ledger that does not follow is said, and looked at again."""
    size = sealing.size.limit
    try:
        count = _value(connection, SEAL, [size], size)
        if state.work.once:
            target = state.target if sealing.target is None else sealing.target
            if not _value(connection, IS_LEFT, [target]):
                sealing.is_done = sealing.target is not None
                sealing.target = _value(connection, _POSITION, [])
    except psycopg.errors.FeatureNotSupported as error:
        # A database that is not UTF8: folding goes on, and this never changes.
        state.sealing = None
        state.log.never_seals(error)
        return
    except psycopg.Error as error:
        seconds = sealing.failed(time.monotonic(), _reason(error))
        if is_lost(connection, error):
            raise
        state.log.seal_failed(error, seconds, _less(size, sealing.size))
        return
    is_full = count >= size
    if sealing.sealed(is_full, is_full or state.work.once, time.monotonic()):
        state.log.restored("seal", sealing.size.limit)
    state.log.sealed(count)


def fold(connection: Connection, turn: Turn, state: State) -> None:
    """Fold one batch; who fails waits, and a lost connection is raised."""
    started = time.monotonic()
    size = turn.limit
    try:
        count = _value(connection, _RUN, [turn.name, size], size)
    except psycopg.Error as error:
        if error.sqlstate == "PT404":
            del state.turns[turn.name]
            return
        seconds = turn.failed(time.monotonic(), _reason(error))
        if is_lost(connection, error):
            raise
        state.log.fold_failed(turn.name, error, seconds, _less(size, turn.size))
        return
    now = time.monotonic()
    if turn.folded(count, now - started, now):
        state.log.restored(turn.name, turn.limit)
    state.log.folded(count)


def _reason(error: psycopg.Error) -> Reason:
    if is_lock(error):
        return Reason.LOCK
    return Reason.SIZE if is_too_much(error) else Reason.OTHER


def _less(before: int, size: Size) -> int | None:
    """Give the size where it is a limit's doing that it is smaller."""
    return size.limit if size.before and size.limit < before else None


def _value(
    connection: Connection, query: str, parameters: list[Any], size: int = 2
) -> int:
    """Ask for a number, within limits of our own; one event may take any time."""
    with connection.transaction():
        limit(connection, statement=STATEMENT if size > 1 else 0)
        row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return int(row[0])
