"""Ways to bring a server down at once; each leaves it recovered."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable

import psycopg

from pg_evident.database import connect
from pg_evident.failure import Failure
from pg_evident.server.cluster import Server
from support.clients.crashes import crash
from support.clients.killer import AT_WORK
from support.clients.store import LOGIN
from support.clients.waiting import Background
from support.servers.durable import Mortal

SECONDS = 60.0
# Without these, too, a postmaster gives up all its processes.
HELPER = """
select a.pid
from pg_stat_activity as a
where a.backend_type in ('walwriter', 'checkpointer', 'background writer')
order by random()
limit 1
"""

Crash = Callable[[Mortal, random.Random], None]


def kill_a_backend(mortal: Mortal, rng: random.Random) -> None:
    """Kill one process at work: the postmaster ends all others, and recovers."""
    is_helper = rng.random() < 0.2
    deadline = time.monotonic() + SECONDS
    with connect(mortal.store.db.dsn, autocommit=True) as observer:
        while True:
            found = observer.execute(*((HELPER,) if is_helper else (AT_WORK, [LOGIN])))
            if row := found.fetchone():
                break
            assert time.monotonic() < deadline, "nobody is at work"
        os.kill(row[0], signal.SIGKILL)
        # The observer is among those who are sent away.
        with contextlib.suppress(psycopg.OperationalError):
            while time.monotonic() < deadline:
                observer.execute("select")
                time.sleep(0.001)
            raise AssertionError("the server did not notice")
    while not mortal.server.is_running():
        assert time.monotonic() < deadline, "the server did not recover"
        time.sleep(0.005)


def kill_all(mortal: Mortal, rng: random.Random) -> None:
    """Kill the postmaster, and then all that it leaves."""
    crash(mortal.server)
    mortal.server.start()


def stop_at_once(mortal: Mortal, rng: random.Random) -> None:
    """Stop as an administrator in a hurry does."""
    mortal.server.restart("immediate")


def kill_twice(mortal: Mortal, rng: random.Random) -> None:
    """Kill all, and once more while the server recovers, or has just done so."""
    server, before = mortal.server, mortal.server.pid
    crash(server)
    starting = Background(lambda: start_anyway(server))
    deadline = time.monotonic() + SECONDS
    while server.pid in (None, before):
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.001)
    # At any moment of the recovery, which takes about as long.
    time.sleep(rng.random() * 0.2)
    crash(server)
    starting.result()
    server.start()


def start_anyway(server: Server) -> None:
    with contextlib.suppress(Failure):
        server.start()


WAYS: list[Crash] = [kill_a_backend, kill_all, stop_at_once, kill_twice]
