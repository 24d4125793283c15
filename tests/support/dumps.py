"""Dumps of one database, restored into another."""

from __future__ import annotations

import subprocess
from typing import Protocol

from harness.postgres import Server


class Dumpable(Protocol):
    """What the tests' Database offers."""

    server: Server

    @property
    def dsn(self) -> str: ...


def dump(database: Dumpable) -> bytes:
    """Dump a database as pg_dump writes it, as SQL."""
    return subprocess.run(
        [database.server.bindir / "pg_dump", "-d", database.dsn],
        check=True,
        capture_output=True,
    ).stdout


def restore(dumped: bytes, into: Dumpable) -> None:
    """Restore a dump into an empty database."""
    psql = [into.server.bindir / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    subprocess.run(
        [*psql, "-d", into.dsn], input=dumped, check=True, stdout=subprocess.DEVNULL
    )
