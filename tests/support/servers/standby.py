"""Copies of a server on this machine, made with pg_basebackup; standbys of it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.programs import hand_over, run

# The primary's settings for a standby that tells at once how far it is.
PROMPT = {
    "wal_receiver_status_interval": "1s",
    "wal_writer_delay": "10ms",
}


@contextlib.contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    """Run a hot standby until the block ends, then remove it.

    The primary keeps its log for it: a standby that was stopped could otherwise never
    go on, and whoever waits for it would wait for ever.
    """
    configure(primary, wal_keep_size="4GB")
    with connect(primary.uri, autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")
    with base_backup(primary, "-R", "-X", "stream") as standby:
        standby.start()
        yield standby


@contextlib.contextmanager
def base_backup(primary: Server, *words: str) -> Iterator[Server]:
    """Give a copy of a running server that has not been started, then remove it."""
    directory = Path(tempfile.mkdtemp(prefix="evident-"))
    hand_over(directory)
    copy = Server(directory / "data", major=primary.major)
    try:
        source = ["-h", str(primary.sockets), "-p", str(primary.port), "-U", "postgres"]
        program = [str(primary.bindir / "pg_basebackup"), "-D", str(copy.data_dir)]
        how = ["--checkpoint=fast", "--no-sync", *words]
        done = run([*primary.run_as, *program, *source, *how])
        assert done.returncode == 0, done.stdout
        # The primary's socket and log are in its data directory, and came along.
        (copy.data_dir / f".s.PGSQL.{primary.port}.lock").unlink()
        copy.log.unlink()
        configure(copy, unix_socket_directories=str(copy.sockets))
        yield copy
    finally:
        copy.kill()
        shutil.rmtree(directory, ignore_errors=True)


def configure(server: Server, **settings: str) -> None:
    """Add settings to a server's file; the last one of a name counts."""
    with (server.data_dir / "postgresql.conf").open("a") as file:
        for name, value in settings.items():
            file.write(f"{name} = '{value}'\n")


def wait_for_replay(primary: Server, standby: Server) -> None:
    """Wait until the standby shows what the primary has committed by now."""
    with connect(primary.uri, autocommit=True) as here:
        row = here.execute("select pg_current_wal_insert_lsn()").fetchone()
        # Asynchronous commits reach the log's files a little later.
        here.execute("select pg_switch_wal()")
    assert row is not None
    deadline = time.monotonic() + 60
    with connect(standby.uri, autocommit=True) as there:
        query = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
        while there.execute(query, row).fetchone() != (True,):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.002)
