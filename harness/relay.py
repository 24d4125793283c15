"""Forward the events of a consumer as lines of JSON: to a file, or standard output.

The worked example of a consumer outside the database. What makes the file hold each
position exactly once, however often this is killed: a line is on the disk before its
event is confirmed; on start the file says which events it has; and only one process
at a time has the file.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from harness.database import Failure
from harness.ownership import connect
from harness.relay_file import RelayFile
from harness.relay_loss import require_events
from harness.verifier.text import plain_json

# Seconds between two looks when nobody sends a NOTIFY.
POLL = 1.0

# Lines come as bytes: as text of Python they would take up to four times the room.
_CLAIM = """
    select c.partition, c.epoch, c.id,
        pg_catalog.convert_to(pg_catalog.row_to_json(r)::text, 'UTF8'::name)
    from evident.claim_events(
        %s, %s, %s, pg_catalog.make_interval(secs => %s)
    ) as c
    cross join lateral (
        select
            c.id as position,
            c.partition,
            %s::integer as partitions,
            c.aggregate_id,
            c.version,
            c.event_type,
            c.payload,
            c.metadata,
            c.event_id,
            c.occurred_at,
            c.recorded_by
    ) as r
    order by c.id
"""
_CONFIRM = "select evident.confirm_events(%s, %s, %s, %s)"
_RELEASE = "select evident.release_events(%s, %s, %s)"
_STATUS = """
    select s.partition, s.epoch, s.worker, s.position
    from evident.consumer_status as s
    where s.consumer = %s
    order by s.partition
"""


@dataclass(frozen=True)
class Relay:
    """What to forward, and how much at once."""

    consumer: str
    worker: str
    limit: int
    lease: float
    partitions: int | None


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
    above the last one of its `partition`. `relay.partitions` makes the consumer when it
    is not there. Raises Failure and psycopg.Error; running again goes on, unless the
    file has events that the store has lost.
    """
    stop = _stop_on_signals()
    with connect(dsn, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        # A claim is a commit behind those of its events: what it gives is on the disk.
        connection.execute("set synchronous_commit = on")
        if relay.partitions is not None:
            connection.execute(
                "select evident.create_consumer(%s, %s)",
                [relay.consumer, relay.partitions],
            )
        count = len(_status(connection, relay.consumer))
        if out is None:
            return _forward(connection, relay, count, None, stop, once, report)
        with RelayFile(out, count) as file:
            require_events(connection, _positions(connection, relay), file)
            if relay.worker == worker_name(out):
                _release_own(connection, relay)
            return _forward(connection, relay, count, file, stop, once, report)


def worker_name(out: Path | None) -> str:
    """Name the worker after its file, which it has for itself, else its process."""
    host = socket.gethostname()[:40]
    if out is None:
        return f"{host}:{os.getpid()}"
    mark = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:12]
    return f"{host}:{mark}:{out.name[:40]}"


def _forward(
    connection: psycopg.Connection[Any],
    relay: Relay,
    count: int,
    file: RelayFile | None,
    stop: threading.Event,
    once: bool,
    report: Callable[[str], None],
) -> int:
    connection.execute("listen evident")
    forwarded = 0
    while not stop.is_set():
        claimed = connection.execute(
            _CLAIM,
            [relay.consumer, relay.worker, relay.limit, relay.lease, count],
            binary=True,
        ).fetchall()
        if not claimed:
            if once:
                break
            _wait(connection)
            continue
        partition, epoch = claimed[0][:2]
        lines = [(position, line) for _, _, position, line in claimed]
        if file is not None:
            if lines[0][0] <= file.last.get(partition, 0):
                # Behind a pooler the server can be another one, and this still run.
                require_events(connection, _positions(connection, relay), file)
            forwarded += file.append(partition, lines)
        else:
            forwarded += len(lines)
            for _, line in lines:
                sys.stdout.write(f"{plain_json(line.decode())}\n")
            sys.stdout.flush()
        try:
            connection.execute(
                _CONFIRM, [relay.consumer, partition, epoch, claimed[-1][2]]
            )
        except psycopg.Error as error:
            if error.sqlstate != "PT423":
                raise
            report(f"partition {partition} took longer than its lease; going on")
    return forwarded


def _status(
    connection: psycopg.Connection[Any], consumer: str
) -> list[tuple[int, int, str | None, int]]:
    rows = connection.execute(_STATUS, [consumer]).fetchall()
    if not rows:
        raise Failure(
            f"there is no consumer {consumer}",
            "name its number of partitions, --partitions 1, and it is made",
        )
    return rows


def _positions(connection: psycopg.Connection[Any], relay: Relay) -> dict[int, int]:
    """Give the position of each partition, up to which all is confirmed."""
    return {row[0]: row[3] for row in _status(connection, relay.consumer)}


def _release_own(connection: psycopg.Connection[Any], relay: Relay) -> None:
    """Take back the lease that a killed run under this name has left.

    Nobody else has it: the name is the file's, and the file is locked.
    """
    for partition, epoch, worker, _ in _status(connection, relay.consumer):
        if worker == relay.worker:
            connection.execute(_RELEASE, [relay.consumer, partition, epoch])


def _wait(connection: psycopg.Connection[Any]) -> None:
    """Wait for a NOTIFY of stamp_position; behind a pooler none comes."""
    for _ in connection.notifies(timeout=POLL, stop_after=1):
        pass


def _stop_on_signals() -> threading.Event:
    """Let SIGTERM and Ctrl-C end the run between two claims."""
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda _signum, _frame: stop.set())
    return stop
