"""Threads that start together, and waiting for what the server says it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import psycopg

T = TypeVar("T")
Connection = psycopg.Connection[Any]

# Where a backend stands that waits for another transaction.
BLOCKED = "exists (select from pg_locks as l where l.pid = %s and not l.granted)"


class Background(Generic[T]):
    """An action in a thread of its own; its error is raised by result()."""

    def __init__(self, action: Callable[[], T]) -> None:
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=[action], daemon=True)
        self._thread.start()

    def _run(self, action: Callable[[], T]) -> None:
        try:
            self._results.append(action())
        except BaseException as error:
            self._error = error

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def result(self, timeout: float = 60) -> T:
        """Wait for the end and give what the action gave, or raise what it raised."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"not done after {timeout} s")
        if self._error is not None:
            raise self._error
        return self._results[0]


def results(tasks: Sequence[Background[T]], timeout: float = 180) -> list[T]:
    """Wait for all and return their results; raise the error of the first that fails.

    Tasks may wait for each other: one that failed must not look like another's hang.
    """
    deadline = time.monotonic() + timeout
    while not all(each.is_done() for each in tasks):
        for each in tasks:
            if each.is_done():
                each.result()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done after {timeout} s")
        time.sleep(0.01)
    return [each.result() for each in tasks]


def together(actions: Sequence[Callable[[], T]], timeout: float = 120) -> list[T]:
    """Run actions in threads that start at one barrier, and give their results."""
    barrier = threading.Barrier(len(actions))

    def after_barrier(action: Callable[[], T]) -> T:
        barrier.wait(timeout)
        return action()

    running = [Background(lambda a=action: after_barrier(a)) for action in actions]
    return results(running, timeout)


def wait_for(
    observer: Connection, condition: str, *parameters: Any, timeout: float = 30
) -> None:
    """Ask the server until an SQL condition is true; raise TimeoutError when never.

    Each millisecond at first, then less often: what is asked keeps a processor busy.
    """
    started = time.monotonic()
    while not is_true(observer, condition, *parameters):
        passed = time.monotonic() - started
        if passed > timeout:
            raise TimeoutError(f"never true: {condition} {parameters}")
        time.sleep(min(max(passed / 20, 0.001), 0.005))


def wait_until_blocked(observer: Connection, waiting: Connection) -> None:
    """Wait until a session stands in front of another one's lock."""
    wait_for(observer, BLOCKED, waiting.info.backend_pid)


def wait_until_blocked_or_done(
    observer: Connection, waiting: Connection, task: Background[Any]
) -> None:
    """Wait until a session that runs a task is through with it, or blocked."""
    deadline = time.monotonic() + 30
    while not task.is_done():
        if is_true(observer, BLOCKED, waiting.info.backend_pid):
            return
        if time.monotonic() > deadline:
            raise TimeoutError("neither done nor blocked")
        time.sleep(0.0005)


def is_true(connection: Connection, condition: str, *parameters: Any) -> bool:
    row = connection.execute(f"select {condition}", parameters).fetchone()
    return bool(row and row[0])
