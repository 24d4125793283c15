"""Dumps of one database, restored into another."""

from __future__ import annotations

import subprocess
from typing import Protocol

from pg_evident.database import connect
from pg_evident.server.cluster import Server


class Dumpable(Protocol):
    """What the tests' Database offers."""

    server: Server

    @property
    def dsn(self) -> str: ...


def dump(database: Dumpable, *words: str, by: Server | None = None) -> bytes:
    """Dump a database as pg_dump writes it: as SQL, or as `words` say.

    `by` is a server of the major version whose pg_dump is used.
    """
    return subprocess.run(
        [(by or database.server).bindir / "pg_dump", "-d", database.dsn, *words],
        check=True,
        capture_output=True,
    ).stdout


def restore(dumped: bytes, into: Dumpable) -> None:
    """Restore a dump into an empty database."""
    if dumped.startswith(b"PGDMP"):
        program = [into.server.bindir / "pg_restore", "--exit-on-error"]
    else:
        program = [into.server.bindir / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    subprocess.run(
        [*program, "-d", into.dsn], input=dumped, check=True, stdout=subprocess.DEVNULL
    )


def copy_roles(source: Server, to: Server) -> None:
    """Make the roles of one server in another one, which has none but the first."""
    roles = subprocess.run(
        [to.bindir / "pg_dumpall", "--roles-only", "-d", source.uri],
        check=True,
        capture_output=True,
    ).stdout.decode()
    lines = [each for each in roles.splitlines() if "ROLE postgres" not in each]
    with connect(to.uri, autocommit=True) as connection:
        for each in lines:
            if each.startswith(("CREATE ROLE", "ALTER ROLE", "GRANT", "COMMENT")):
                connection.execute(each.encode())
