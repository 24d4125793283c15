"""Fold events into all projections, and seal them, until SIGTERM or Ctrl-C.

Any number of workers can run: who folds what is decided in the database, where each
projection has one runner at a time, and the ledger one sealer; rows and checkpoint are
one transaction, tiles and tree head another. So a worker may be killed at any moment.
It keeps nothing in its session (no locks, no settings, no prepared statements), and so
works through a transaction-mode pooler.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import psycopg

from pg_evident.database import is_lost
from pg_evident.installed import connect_for_calls
from pg_evident.projections.log import WorkerLog
from pg_evident.projections.steps import (
    State,
    Work,
    fold,
    is_over,
    is_well,
    look,
    notice,
    seal,
)
from pg_evident.steps.pauses import RECONNECT, Pause
from pg_evident.stopping import Stop, stop_on_signals

Connection = psycopg.Connection[Any]


def run(dsn: str, work: Work, report: Callable[[str], None]) -> bool:
    """Work until SIGTERM or Ctrl-C, with `once` until all is done; was all well?

    The first connection and the first look must succeed; later a lost connection is
    made again, but for `once`. A batch under way when the signal comes is rolled back.
    With `once` all is well when nothing failed and no projection has parked keys.
    Raises psycopg.Error.
    """
    state = State(work, WorkerLog(report))
    reconnect = Pause(*RECONNECT)
    try:
        with stop_on_signals():
            while True:
                try:
                    with contextlib.closing(
                        connect_for_calls(dsn, "evident work")
                    ) as connection:
                        state.is_final = work.once
                        state.log.connected()
                        was_well = _work(connection, state, reconnect)
                        state.log.ended("done")
                        return was_well
                except psycopg.Error as error:
                    if state.is_final:
                        raise
                    state.log.disconnected(error)
                time.sleep(reconnect.next())
    except Stop:
        state.log.ended("stopped")
        return not work.once


def _work(connection: Connection, state: State, reconnect: Pause) -> bool:
    """Work until the signal or, with `once`, the end; say if all is well."""
    if state.work.listens:
        connection.execute("listen evident")
    while True:
        try:
            notice(connection, state)
            rows = look(connection, state)
        except psycopg.Error as error:
            if is_lost(connection, error):
                raise
            if state.work.once or not state.has_worked:
                state.is_final = True
                raise
            seconds = state.trouble.next()
            state.tick_due = state.look_due = time.monotonic() + seconds
            state.log.trouble(error, seconds)
            rows = None
        else:
            state.has_worked = True
            state.trouble.reset()
            reconnect.reset()
        if rows is not None and state.work.once and is_over(rows, state):
            return is_well(rows, state)
        sealing = state.sealing
        if sealing is not None and sealing.due <= time.monotonic():
            seal(connection, sealing, state)
        turn = min(state.turns.values(), key=lambda each: each.due, default=None)
        if turn is not None and turn.due <= time.monotonic():
            fold(connection, turn, state)
        else:
            others = [each.due for each in (turn, sealing) if each is not None]
            _wait(connection, state, min(state.tick_due, *others))


def _wait(connection: Connection, state: State, until: float) -> None:
    """Wait; a NOTIFY ends it."""
    seconds = max(until - time.monotonic(), 0.0)
    if not state.work.listens:
        time.sleep(seconds)
        return
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        state.tick_due = 0.0
