"""Follow the feed while others append: a consumer, and a worker of a projection."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pg_evident.bench.stage.server import Bench
from pg_evident.database import connect
from pg_evident.failure import Failure

CONSUMER = "bench"

_LIMIT = 1000  # events at a time
_PAUSE = 0.02  # seconds, when there is nothing new
_PATIENCE = 60  # seconds, for what is left after the run

_CLAIM = "select c.partition, c.epoch, c.id from evident.claim_events(%s, 'bench', %s)"
_CLAIM += " as c order by c.id"
_CONFIRM = "select evident.confirm_events(%s, %s, %s, %s)"
_RUN = "select evident.run_projection(%s, %s)"
_AT = "select s.position from evident.projection_status as s where s.name = %s"
_HEAD = "select coalesce(pg_sequence_last_value('evident.event_store_id_seq'), 0)"

_Connection = psycopg.Connection[Any]


@dataclass
class Follower:
    """What goes over the feed once, and how far behind, in events, it has been.

    `step` deals with the next events and gives how many they were and the last id.
    """

    name: str
    step: Callable[[_Connection, int], tuple[int, int]]
    position: int
    seen: int = 0
    most: int = 0
    at_end: int = 0
    errors: list[Exception] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Return what is worth telling: events behind, at most and when appends end."""
        return {
            f"{self.name} behind, most": self.most,
            f"{self.name} behind, end": self.at_end,
        }


def head(connection: _Connection) -> int:
    """Return the last id that was drawn."""
    return _number(connection, _HEAD, ())


def consume(connection: _Connection, position: int) -> tuple[int, int]:
    """Claim events and confirm them; raise Failure for one that is out of order."""
    rows = connection.execute(_CLAIM, (CONSUMER, _LIMIT)).fetchall()
    for _, _, number in rows:
        if number <= position:
            raise Failure(f"event {number} came after {position}")
        position = number
    if rows:
        partition, epoch, _ = rows[-1]
        connection.execute(_CONFIRM, (CONSUMER, partition, epoch, position))
    return len(rows), position


def folds(name: str) -> Callable[[_Connection, int], tuple[int, int]]:
    """Return the step of a worker that runs an asynchronous projection."""

    def step(connection: _Connection, _position: int) -> tuple[int, int]:
        done = _number(connection, _RUN, (name, _LIMIT))
        return done, _number(connection, _AT, (name,))

    return step


def drain(connection: _Connection, step: Callable[[_Connection, int], Any]) -> None:
    """Take steps until nothing is left."""
    while step(connection, 0)[0]:
        pass


@contextlib.contextmanager
def following(
    bench: Bench, database: str, followers: Sequence[Follower]
) -> Iterator[Callable[[], float]]:
    """Let followers work; what is given waits for all and gives the seconds it took.

    It must be called when the last append is over. Raises what a follower raised.
    """
    stop = threading.Event()

    def work(follower: Follower) -> None:
        try:
            with connect(bench.server.uri_for(database), autocommit=True) as connection:
                while not stop.is_set():
                    _step(connection, follower)
        except Exception as error:
            follower.errors.append(error)

    threads = [threading.Thread(target=work, args=(each,)) for each in followers]

    def wait() -> float:
        start = time.perf_counter()
        with connect(bench.server.uri_for(database), autocommit=True) as connection:
            last = head(connection)
        for each in followers:
            each.at_end = max(0, last - each.position)
        while any(each.position < last and not each.errors for each in followers):
            if time.perf_counter() - start > _PATIENCE:
                raise Failure(f"not all events were followed in {_PATIENCE} s")
            time.sleep(_PAUSE)
        for each in followers:
            for error in each.errors:
                raise error
        return time.perf_counter() - start

    for thread in threads:
        thread.start()
    try:
        yield wait
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _step(connection: _Connection, follower: Follower) -> None:
    done, follower.position = follower.step(connection, follower.position)
    follower.seen += done
    follower.most = max(follower.most, head(connection) - follower.position)
    if not done:
        time.sleep(_PAUSE)


def _number(connection: _Connection, query: str, values: tuple[Any, ...]) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])
