"""PgBouncer in transaction mode before one test's server, and stores behind it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import IsolationLevel

from harness.postgres import Server
from harness.system import hand_over
from support.store import LOGIN, Connection, Store

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin")
# Fewer connections to the server than clients, so that clients do share them.
SETTINGS = """
[databases]
* = host={sockets} port={port}

[pgbouncer]
listen_addr =
unix_socket_dir = {directory}
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = 6
max_client_conn = 200
logfile = {directory}/log
"""


@dataclass(frozen=True)
class PooledStore(Store):
    """A store whose clients come through the pooler; its observers do not."""

    directory: Path

    def connect(self, level: IsolationLevel | None = None, **kwargs: Any) -> Connection:
        """Open a connection to the pooler, which knows no prepared statements.

        Each has a name, or it would go by that of the client before it.
        """
        kwargs.setdefault("application_name", "evident test")
        address = {"host": str(self.directory), "port": "6432"}
        return super().connect(level, prepare_threshold=None, **address, **kwargs)


@contextlib.contextmanager
def pooler(server: Server) -> Iterator[Path]:
    """Run PgBouncer as the server's own account, on a unix socket in a new folder."""
    assert PROGRAM is not None
    directory = Path(tempfile.mkdtemp(prefix="evident-pooler-", dir="/tmp"))
    try:
        settings = SETTINGS.format(
            sockets=server.sockets, port=server.port, directory=directory
        )
        (directory / "settings").write_text(settings)
        (directory / "users").write_text(f'"{LOGIN}" ""\n')
        hand_over(directory)
        words = [*server.run_as, PROGRAM, "-q", str(directory / "settings")]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            wait_for_socket(directory, process)
            yield directory
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(directory)


def wait_for_socket(directory: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not (directory / ".s.PGSQL.6432").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"pgbouncer did not start, see {directory}/log")
        time.sleep(0.01)
