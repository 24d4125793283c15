"""The PostgreSQL server that is kept for the user."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pg_evident.database import connect
from pg_evident.failure import Failure
from pg_evident.server.cluster import LONGEST_DIRECTORY, Server, create
from pg_evident.server.programs import (
    EMBEDDED_MAJOR,
    ROOTS_STATE,
    bindir,
    hand_over,
    make_open,
    system_user,
)

_DATABASE = "evident"


def start() -> Server:
    """Start the user's own PostgreSQL 18, if it is not running, and return it.

    Its data survives between calls in the user's state folder; the URI names a
    database of its own, `evident`. Raises Failure when it cannot start.
    """
    # Without the programs nothing is made.
    bindir(EMBEDDED_MAJOR)
    with _locked(_state()):
        server = _kept()
        if server.socket_dir:
            _make_private(server.socket_dir)
        if not server.data_dir.exists():
            create(server, {}, durable=True)
        if not server.is_running():
            server.start()
            _ensure_database(server)
    return server


def stop() -> bool:
    """Stop the user's own server and say whether it was running."""
    if not _state().exists():
        return False
    with _locked(_state()):
        server = _kept()
        if not server.data_dir.exists() or not server.is_running():
            return False
        server.stop("fast")
        if server.socket_dir:
            server.socket_dir.rmdir()
    return True


def exists() -> bool:
    """Say whether the user's own server has ever been started."""
    return (_state() / "pg18").exists()


def status() -> Server | None:
    """Return the user's own server when it is running, without starting it."""
    if not exists():
        return None
    with contextlib.suppress(Failure):
        # Another environment may have made it; this one has no programs for it.
        server = _kept()
        return server if server.is_running() else None
    return None


def _state() -> Path:
    """Give the folder of the kept server: root's own home would be closed to it."""
    from platformdirs import user_state_path

    if os.geteuid() == 0 and not os.environ.get("XDG_STATE_HOME"):
        return ROOTS_STATE
    return user_state_path("evident")


def _kept() -> Server:
    data_dir = _state() / "pg18"
    socket_dir = None
    if len(os.fsencode(data_dir)) > LONGEST_DIRECTORY:
        # Named by the state folder too: each has a server of its own.
        mark = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        socket_dir = Path("/tmp") / f"evident-{os.getuid()}-{mark}"
    return Server(data_dir, socket_dir=socket_dir, database=_DATABASE)


def _make_private(directory: Path) -> None:
    """Make a folder in /tmp for the socket, unless someone else was there first."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    user = system_user()
    owners = {os.getuid(), user.pw_uid if user else os.getuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise Failure(f"{directory} belongs to someone else")
    hand_over(directory)


def _ensure_database(server: Server) -> None:
    with connect(server.uri_for("postgres"), autocommit=True) as connection:
        found = connection.execute(
            "select from pg_catalog.pg_database as d where d.datname = %s",
            [_DATABASE],
        ).fetchone()
        if found is None:
            connection.execute(f"create database {_DATABASE}")


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one process at a time start or stop the kept server."""
    make_open(directory)
    with (directory / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
