"""A connection that outlives its session, for commands that work in steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg

from pg_evident.database import is_lost
from pg_evident.installed import connect_for_calls
from pg_evident.showing import said
from pg_evident.steps.closing import Closing
from pg_evident.steps.pauses import RECONNECT, Pause

Connection = psycopg.Connection[Any]
T = TypeVar("T")

# Seconds that a failover may take.
PATIENCE = 60.0


class Lasting(Closing):
    """A connection for steps that each are a transaction, and may be done twice.

    It is made again where it is lost, and the step begins anew: for `PATIENCE` seconds
    in a row, unless `is_over` is set. A server where nobody may write is a lost one
    when a step was done before: the old primary. What connects first has to succeed.
    Raises psycopg.Error.
    """

    def __init__(
        self,
        dsn: str,
        name: str,
        report: Callable[[str], None],
        is_over: threading.Event | None = None,
    ) -> None:
        self._dsn = dsn
        self._name = name
        self._report = report
        self._is_over = is_over or threading.Event()
        self._has_worked = False
        self._connection = connect_for_calls(dsn, name)

    def close(self) -> None:
        self._connection.close()

    def cancel(self) -> None:
        """Cancel what is running; raises psycopg.Error where that is not possible."""
        self._connection.cancel_safe(timeout=5)

    def is_lost(self, error: psycopg.Error) -> bool:
        """Say whether the error is of the connection, and not of the step."""
        return is_lost(self._connection, error)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Give the rows of one statement."""
        return self.run(lambda session: session.execute(query, parameters).fetchall())

    def row(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """Give the first row of one statement, or None."""
        return next(iter(self.rows(query, parameters)), None)

    def run(self, step: Callable[[Connection], T]) -> T:
        """Do the step, on another connection again where this one is lost."""
        pause = Pause(*RECONNECT)
        until: float | None = None
        while True:
            try:
                if self._connection.closed:
                    self._connection = connect_for_calls(self._dsn, self._name)
                done = step(self._connection)
            except psycopg.Error as error:
                now = time.monotonic()
                until = until or now + PATIENCE
                is_refusal = error.sqlstate == "25006" and not self._has_worked
                if is_refusal or not self.is_lost(error) or now >= until:
                    raise
                if not pause.times:
                    self._report(f"connection lost, going on: {said(error)}")
                self._connection.close()
                if self._is_over.wait(pause.next()):
                    raise
            else:
                self._has_worked = True
                return done
