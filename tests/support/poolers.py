"""PgBouncer in transaction mode, in front of a server of the tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg

from harness.database import connect
from harness.postgres import Server
from harness.system import hand_over

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")


@contextlib.contextmanager
def pooler_for(server: Server, database: str, user: str) -> Iterator[str]:
    """Run a pooler until the block ends; give the URI of the database behind it.

    Two server connections for all: a client meets another one with each transaction.
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
            "default_pool_size = 2\n"
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
