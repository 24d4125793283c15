"""A server whose clock is moved while it runs, by libfaketime."""

from __future__ import annotations

import contextlib
import random
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import SETTINGS, create_database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.programs import hand_over
from pg_evident.server.temporary import ephemeral
from support.clients.store import LOGIN
from support.clients.waiting import Background

LIBRARIES = "*/faketime/libfaketimeMT.so.1"
# Hours back, years on; each as libfaketime reads it. The last one outruns all leases.
MOVES = ["-9h", "-1d", "-20m", "-2", "+0", "+3", "+50m", "+1d", "+1y", "+3y", "+9y"]
FARTHEST = "+12y"
# A timeout ends when the clock says so, and there is none to be had that does not.
NO_TIMEOUTS = f"""
alter role {LOGIN} set statement_timeout = 0;
alter role {LOGIN} set idle_in_transaction_session_timeout = 0;
"""


def library() -> Path:
    """Find libfaketime, or skip the test."""
    for folder in (Path("/usr/lib"), Path("/usr/local/lib")):
        for found in folder.glob(LIBRARIES):
            return found
    pytest.skip("no libfaketime here: apt-get install libfaketime")


@dataclass
class Clock:
    """The clock of one server."""

    server: Server
    file: Path
    moves: int = 0

    def move(self, offset: str) -> None:
        """Set the clock off by so much, for all processes of the server at once."""
        write(self.file, offset)
        self.moves += 1

    @contextlib.contextmanager
    def restless(self, rng: random.Random) -> Iterator[None]:
        """Move the clock back and forth, every few milliseconds, until the end."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(rng.random() * 0.03):
                self.move(rng.choice([*MOVES, FARTHEST, FARTHEST]))

        moving = Background(run)
        try:
            yield
        finally:
            over.set()
            moving.result()
            self.move("+0")


def write(file: Path, offset: str) -> None:
    # At once, for the server reads it whenever it asks for the time.
    new = file.with_suffix(".new")
    new.write_text(f"{offset}\n")
    new.chmod(0o644)
    new.replace(file)


@contextlib.contextmanager
def server_with_clock(major: int) -> Iterator[Clock]:
    """Run a server whose clock is moved by a file."""
    preload = str(library())
    # No folder of pytest: each session that starts closes those to other users.
    with tempfile.TemporaryDirectory(prefix="evident-clock-") as folder:
        file = Path(folder) / "clock"
        write(file, "+0")
        hand_over(Path(folder))
        with ephemeral(major, SETTINGS, environment=faked(preload, file)) as server:
            yield Clock(server, file)


def faked(preload: str, file: Path) -> dict[str, str]:
    """Give the environment of processes whose clock is in a file."""
    return {
        "LD_PRELOAD": preload,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        # What waits for a while does so by this one.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def template_of(clock: Clock, login_sql: str) -> str:
    """Make a database with engine, examples and the tests' login."""
    create_database(clock.server, "clocked", "template0")
    migrate(clock.server.uri_for("clocked"), examples=True)
    with connect(clock.server.uri, autocommit=True) as connection:
        connection.execute(login_sql.encode())
        connection.execute(NO_TIMEOUTS.encode())
    return "clocked"
