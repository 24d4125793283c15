"""Servers of which all, the log or the tables are on a small disk."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.programs import hand_over, run
from support.servers.durable import Mortal, durable_store
from support.servers.small_disk import SmallDisk, small_disk

# What is on the small disk, and its size in megabytes.
PLACES = {"everything": 192, "log": 64, "tables": 96}
# Log files of one megabyte, instead of 16, and no checkpoint before the disk is full,
# which would make room in time.
LOG_FILES = "max_wal_size = '1GB'\nmin_wal_size = '2MB'\n"


@contextlib.contextmanager
def store_on_small_disk(major: int, place: str) -> Iterator[tuple[Mortal, SmallDisk]]:
    """Run a durable store, a part of it on a small disk, until the block ends."""
    with small_disk(PLACES[place]) as disk:
        parent = disk.path if place == "everything" else None
        with durable_store(major, parent=parent) as mortal:
            server = mortal.server
            if place == "tables":
                move_tables(server, disk)
            server.stop()
            resize_log_files(server)
            if place == "log":
                move_log(server, disk)
            server.start()
            yield mortal, disk


def move_tables(server: Server, disk: SmallDisk) -> None:
    folder = disk.path / "tables"
    folder.mkdir()
    hand_over(folder)
    with connect(server.uri_for("template1"), autocommit=True) as connection:
        connection.execute(f"create tablespace small location '{folder}'")
        connection.execute(f"alter database {server.database} set tablespace small")


def resize_log_files(server: Server) -> None:
    program = [str(server.bindir / "pg_resetwal"), "--wal-segsize=1"]
    done = run([*server.run_as, *program, "-D", str(server.data_dir)])
    assert done.returncode == 0, done.stdout
    with (server.data_dir / "postgresql.conf").open("a") as file:
        file.write(LOG_FILES)


def move_log(server: Server, disk: SmallDisk) -> None:
    """Put the log elsewhere, as the manual has it: a link takes its place."""
    log, moved = server.data_dir / "pg_wal", disk.path / "pg_wal"
    shutil.copytree(log, moved)
    for path in (moved, *moved.rglob("*")):
        hand_over(path)
    shutil.rmtree(log)
    log.symlink_to(moved)
