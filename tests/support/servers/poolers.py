"""PgBouncer in transaction mode, in front of a server of the tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict

from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.programs import hand_over
from support.clients.store import Connection, Store

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")


@dataclass(frozen=True)
class PooledStore(Store):
    """A store whose clients come through a pooler; its observers do not."""

    uri: str

    def connect(self, level: IsolationLevel | None = None, **kwargs: Any) -> Connection:
        """Open a connection to the pooler, which knows no prepared statements.

        Each has a name, or it would go by that of the client before it.
        """
        kwargs.setdefault("application_name", "evident test")
        address = conninfo_to_dict(self.uri)
        kwargs |= {"host": address["host"], "port": address["port"]}
        return super().connect(level, prepare_threshold=None, **kwargs)


@contextlib.contextmanager
def pooler_for(
    server: Server, database: str, user: str, size: int = 2
) -> Iterator[str]:
    """Run a pooler until the block ends; give the URI of the database behind it.

    Few server connections for all: a client meets another one with each transaction.
    """
    assert PGBOUNCER is not None
    with tempfile.TemporaryDirectory(prefix="evident-") as name, socket.socket() as s:
        folder = Path(name)
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        (folder / "users.txt").write_text(f'"{user}" ""\n')
        (folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"{database} = host={server.sockets} port={server.port}\n"
            "[pgbouncer]\n"
            "listen_addr =\n"
            f"listen_port = {port}\n"
            f"unix_socket_dir = {folder}\n"
            "auth_type = trust\n"
            f"auth_file = {folder}/users.txt\n"
            "pool_mode = transaction\n"
            f"default_pool_size = {size}\n"
            "server_round_robin = 1\n"
        )
        hand_over(folder)
        process = subprocess.Popen(
            [*server.run_as, PGBOUNCER, "-q", str(folder / "pgbouncer.ini")],
            stderr=subprocess.DEVNULL,
        )
        uri = f"postgresql://{user}@/{database}?host={quote(name)}&port={port}"
        try:
            _wait_until_up(uri)
            yield uri
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_up(uri: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            connect(uri).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
