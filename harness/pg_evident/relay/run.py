"""Forward the events of a consumer as lines of JSON: to a file, or standard output.

The worked example of a consumer outside the database. What makes the file hold each
position exactly once, however often this is killed: a line is on the disk before its
event is confirmed; on start the file says which events it has; and only one process
at a time has the file. Nothing is kept in the session but, where asked for, a LISTEN:
a pooler in transaction mode may stand between, and a session may end at any moment.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pg_evident.database import is_lost
from pg_evident.failure import Failure
from pg_evident.installed import connect_for_calls
from pg_evident.relay import claims
from pg_evident.relay.claims import Connection, Relay
from pg_evident.relay.file import RelayFile
from pg_evident.relay.loss import require_events
from pg_evident.relay.steps import Run, step
from pg_evident.showing import said
from pg_evident.steps.pauses import RECONNECT, Pause

# Seconds between two looks when there was nothing, unless a NOTIFY comes.
POLL = 0.5


@dataclass
class _Life:
    """What outlives a connection."""

    has_worked: bool = False
    is_final: bool = False


def run(
    dsn: str,
    relay: Relay,
    out: Path | None = None,
    *,
    once: bool = False,
    report: Callable[[str], None] = lambda _text: None,
) -> int:
    """Forward events until SIGTERM or Ctrl-C, with `once` until none is left; count.

    To `out` each position goes exactly once, in the order of its aggregate; to
    standard output at least once: whoever reads it leaves out a `position` that is not
    above the last one of its `partition`, or of its aggregate for lines with
    `retried_after`. `relay.partitions` makes the consumer when it is not there. A lost
    connection is made again, but the first one, and with `once`. Raises Failure,
    OSError and psycopg.Error; running again goes on, unless the file has events that
    the store has lost.
    """
    stop = _stop_on_signals()
    reconnect = Pause(*RECONNECT)
    life = _Life(is_final=once)
    with contextlib.ExitStack() as files:
        state = Run(relay, report)
        while not stop.is_set():
            connection: Connection | None = None
            try:
                connection = connect_for_calls(dsn, "evident relay")
                _begin(connection, state, out, files)
                life.has_worked = True
                if _forward(connection, state, stop, once, reconnect):
                    break
            except psycopg.Error as error:
                lost = connection is None or is_lost(connection, error)
                if life.is_final or not (life.has_worked and lost):
                    raise
                report(f"connection lost, going on: {said(error)}")
            finally:
                if connection is not None:
                    connection.close()
            stop.wait(reconnect.next())
    return state.forwarded


def worker_name(out: Path | None) -> str:
    """Name the worker after its file, which it has for itself, else its process."""
    host = socket.gethostname()[:40]
    if out is None:
        return f"{host}:{os.getpid()}"
    mark = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:12]
    return f"{host}:{mark}:{out.name[:40]}"


def _begin(
    connection: Connection,
    state: Run,
    out: Path | None,
    files: contextlib.ExitStack,
) -> None:
    """Find out where the consumer and the file are; take back what a run has left.

    Also on a new connection: the server behind it may be another one.
    """
    relay = state.relay
    if relay.partitions is not None:
        claims.create(connection, relay)
    count = len(claims.status(connection, relay.consumer))
    if out is not None and state.file is None:
        state.file = files.enter_context(RelayFile(out, count))
        state.file.recall(claims.retried(connection, relay))
    elif state.partitions not in (0, count):
        raise Failure(
            f"consumer {relay.consumer} has {count} partitions now, not"
            f" {state.partitions}",
            "start the relay anew, to another file",
        )
    state.partitions = count
    if state.file is not None:
        require_events(connection, claims.positions(connection, relay), state.file)
        if relay.worker == worker_name(out):
            claims.release_own(connection, relay)
    if relay.listens:
        connection.execute("listen evident")


def _forward(
    connection: Connection,
    state: Run,
    stop: threading.Event,
    once: bool,
    reconnect: Pause,
) -> bool:
    """Forward claim by claim; true when it is over."""
    while not stop.is_set():
        if step(connection, state):
            reconnect.reset()
        elif once:
            return True
        elif state.relay.listens:
            for _ in connection.notifies(timeout=POLL, stop_after=1):
                pass
        else:
            stop.wait(POLL)
    return True


def _stop_on_signals() -> threading.Event:
    """Let SIGTERM and Ctrl-C end the run between two claims."""
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda _signum, _frame: stop.set())
    return stop
