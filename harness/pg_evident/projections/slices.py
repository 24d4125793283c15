"""Slices of a rebuild, shared among connections; each is a transaction of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType

import psycopg

from pg_evident.access.denials import hint_of
from pg_evident.showing import said
from pg_evident.steps.lasting import Lasting
from pg_evident.steps.limits import is_too_much
from pg_evident.verifier.text import plain

# Times that a slice is tried when others were in its way, and seconds in between.
ATTEMPTS = 5
PAUSE = 0.2
# Slices that a rebuild can be cut into.
MOST = 1024
_PASSING = ("40001", "40P01", "55P03")
_REBUILD = "select evident.rebuild_projection(%s, %s, %s)"


@dataclass(frozen=True)
class Slice:
    """The keys of one hash value out of so many, from 0."""

    name: str
    number: int
    count: int

    def halves(self) -> list[Slice]:
        """Cut it in two: the same keys, by twice as many hash values."""
        twice = 2 * self.count
        numbers = (self.number, self.number + self.count)
        return [Slice(self.name, number, twice) for number in numbers]


class Slices:
    """Connections that rebuild slices side by side until the block ends.

    Leaving it by an error, such as Ctrl-C, cancels what they are doing.
    """

    def __init__(self, dsn: str, parallel: int, report: Callable[[str], None]) -> None:
        self._report = report
        self._is_over = threading.Event()
        self._idle: queue.SimpleQueue[Lasting] = queue.SimpleQueue()
        self._connections = [
            Lasting(dsn, "evident rebuild", report, self._is_over)
            for _ in range(parallel)
        ]
        for each in self._connections:
            self._idle.put(each)
        self._pool = ThreadPoolExecutor(parallel)

    def __enter__(self) -> Slices:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        while error is not None and self._idle.qsize() < len(self._connections):
            # Again and again: between two statements there is nothing to cancel.
            self._cancel()
            time.sleep(0.05)
        self._pool.shutdown()
        for each in self._connections:
            each.close()

    def rebuild(
        self, slices: Sequence[Slice], advance: Callable[[], None]
    ) -> int | None:
        """Rebuild the slices of one projection; give the rows written.

        None when one failed, whose error is reported; those not begun are left out.
        Raises psycopg.Error when a connection is lost and cannot be made again.
        """
        failed = threading.Event()
        tasks = [
            self._pool.submit(self._rebuild, each, failed, advance) for each in slices
        ]
        # In short waits, so that a signal is noticed.
        while wait(tasks, timeout=0.2).not_done:
            pass
        counts = [_result(each) for each in tasks]
        return None if failed.is_set() else sum(counts)

    def _rebuild(
        self, part: Slice, failed: threading.Event, advance: Callable[[], None]
    ) -> int:
        """Rebuild a slice, or what it is cut into; give the rows written."""
        rows = 0
        parts = [part]
        while parts:
            each = parts.pop()
            done = self._rebuild_or_cut(each, failed)
            if done is None:
                parts += each.halves()
            else:
                rows += done
        advance()
        return rows

    def _rebuild_or_cut(self, part: Slice, failed: threading.Event) -> int | None:
        """Give the rows written, or None where the slice is too much at once."""
        connection = self._idle.get()
        try:
            for attempts_left in range(ATTEMPTS - 1, -1, -1):
                if failed.is_set() or self._is_over.is_set():
                    return 0
                try:
                    return _rebuild_once(connection, part)
                except psycopg.Error as error:
                    if connection.is_lost(error):
                        raise
                    if is_too_much(error) and not self._is_over.is_set():
                        if part.count * 2 <= MOST:
                            self._say_cut(part, error)
                            return None
                        self._refuse(part, error, failed)
                        return 0
                    if not attempts_left or error.sqlstate not in _PASSING:
                        self._refuse(part, error, failed)
                        return 0
                self._is_over.wait(PAUSE * 2 ** (ATTEMPTS - attempts_left - 1))
            return 0
        except BaseException:
            failed.set()
            raise
        finally:
            self._idle.put(connection)

    def _say_cut(self, part: Slice, error: psycopg.Error) -> None:
        cut = f"{part.name}: {said(error)}; again, in smaller slices"
        self._report(f"{plain(cut)}: {part.number} of {part.count} becomes two")

    def _refuse(
        self, part: Slice, error: psycopg.Error, failed: threading.Event
    ) -> None:
        if not (failed.is_set() or self._is_over.is_set()):
            hint = f" ({noted})" if (noted := hint_of(error)) else ""
            place = f"{part.name}, slice {part.number} of {part.count}"
            self._report(plain(f"error: {place}: {said(error)}{hint}"))
        failed.set()

    def _cancel(self) -> None:
        for each in self._connections:
            try:
                each.cancel()
            except psycopg.Error as error:
                self._report(plain(f"could not cancel: {error}"))


def _rebuild_once(connection: Lasting, part: Slice) -> int:
    (rows,) = connection.row(_REBUILD, [part.name, part.number, part.count])
    return int(rows)


def _result(task: Future[int]) -> int:
    return task.result()
