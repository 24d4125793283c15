"""Recovery of a server into its past: base backup, archived log, a moment to end at."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conftest import Database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.programs import hand_over
from support.clients.crashes import crash
from support.clients.waiting import wait_for
from support.servers.clusters import ANSWERED, store_on_its_own
from support.servers.standby import base_backup, configure


@contextlib.contextmanager
def archiving(major: int) -> Iterator[tuple[Database, Path]]:
    """Give a store whose server copies its log to a folder."""
    folder = Path(tempfile.mkdtemp(prefix="evident-"))
    hand_over(folder)
    settings = {
        "archive_mode": "on",
        "archive_command": f"cp %p {folder}/%f",
        **ANSWERED,
    }
    try:
        with store_on_its_own(major, settings) as home:
            yield home, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Recovery:
    """A base backup of a server, and the place in its log to recover to."""

    source: Server
    copy: Server
    archive: Path
    target: str = ""

    def choose_moment(self) -> None:
        """Let the recovery end where the log ends now."""
        with connect(self.source.uri, autocommit=True) as connection:
            row = connection.execute("select pg_current_wal_insert_lsn()").fetchone()
            assert row is not None
            self.target = str(row[0])

    def run(self) -> Server:
        """Lose the server, recover the copy, and give it when it takes writes."""
        with connect(self.source.uri, autocommit=True) as connection:
            connection.execute("checkpoint")
            row = connection.execute(
                "select pg_walfile_name(pg_switch_wal())"
            ).fetchone()
            assert row is not None
            wait_for(
                connection,
                "(select last_archived_wal >= %s from pg_stat_archiver)",
                row[0],
                timeout=60,
            )
        crash(self.source)
        configure(
            self.copy,
            restore_command=f"cp {self.archive}/%f %p",
            recovery_target_lsn=self.target,
            recovery_target_inclusive="off",
            recovery_target_action="promote",
        )
        signal, owner = (
            self.copy.data_dir / "recovery.signal",
            self.copy.data_dir.stat(),
        )
        signal.touch()
        os.chown(signal, owner.st_uid, owner.st_gid)
        self.copy.start()
        with connect(self.copy.uri, autocommit=True) as connection:
            wait_for(connection, "not pg_is_in_recovery()", timeout=60)
        return self.copy


@contextlib.contextmanager
def backed_up(source: Server, archive: Path) -> Iterator[Recovery]:
    """Take a base backup, which lasts as long as the block."""
    with base_backup(source, "-X", "none") as copy:
        yield Recovery(source, copy, archive)
