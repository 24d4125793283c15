"""A store that moves to its standby whenever its server is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from conftest import Database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from support.clients.waiting import is_true, wait_for
from support.servers.standby import standby_of

# Standbys call themselves so; pg_basebackup, which receives too, does not.
STANDBYS = "walreceiver"
ATTACHED = """
exists (
    select
    from pg_stat_replication as r
    where r.application_name = %s and r.sync_state = %s and r.state = 'streaming'
)
"""
HUNG = "exists (select from pg_stat_activity as a where a.wait_event = 'SyncRep')"


@dataclass
class Moving:
    """The store's database, on the server that is the primary now."""

    db: Database
    is_synchronous: bool = True
    promotions: int = 0
    # From the kill until the promoted server takes connections.
    seconds: list[float] = field(default_factory=list)
    standby: Server | None = None
    _here: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _there: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def attach(self) -> Server:
        """Give the primary a standby; every commit then waits for it, if synchronous.

        Where the setting came along from the last primary, commits have waited since.
        """
        self.standby = self._there.enter_context(standby_of(self.db.server))
        names = STANDBYS if self.is_synchronous else ""
        self.require(names)
        state = "sync" if self.is_synchronous else "async"
        with connect(self.db.server.uri, autocommit=True) as here:
            wait_for(here, ATTACHED, STANDBYS, state, timeout=60)
        return self.standby

    def require(self, names: str) -> None:
        """Say which standbys commits wait for."""
        with connect(self.db.server.uri, autocommit=True) as here:
            here.execute(f"alter system set synchronous_standby_names = '{names}'")
            here.execute("select pg_reload_conf()")

    def starve(self, is_enough: Callable[[], bool]) -> None:
        """Stop sending to the standby, until commits wait for it or it is enough.

        The sender is stopped, not the receiver: what is sent would still arrive.
        """
        with connect(self.db.server.uri, autocommit=True) as here:
            (pid,) = here.execute(
                "select pid from pg_stat_replication where application_name = %s",
                [STANDBYS],
            ).fetchone() or (0,)
            os.kill(pid, signal.SIGSTOP)
            deadline = time.monotonic() + 60
            while not (is_enough() or is_true(here, HUNG)):
                assert time.monotonic() < deadline, "neither stuck nor enough"
                time.sleep(0.001)

    def fail_over(self) -> None:
        """Kill the primary, promote its standby, and let the clients go there."""
        assert self.standby is not None
        killed = time.monotonic()
        self.db.server.crash()
        if not self.standby.is_running():
            self.standby.start()
        with connect(self.standby.uri, autocommit=True) as there:
            assert there.execute("select pg_promote()").fetchone() == (True,)
        self.db.server, self.standby = self.standby, None
        self.seconds.append(time.monotonic() - killed)
        self.promotions += 1
        self._here.close()
        self._here, self._there = self._there, contextlib.ExitStack()

    def close(self) -> None:
        self._there.close()
        self._here.close()


@contextlib.contextmanager
def moving(db: Database, *, is_synchronous: bool = True) -> Iterator[Moving]:
    """Let a database move until the block ends; then no commit waits any more."""
    first, store = db.server, Moving(db, is_synchronous)
    try:
        yield store
    finally:
        db.close()
        db.server = first
        store.close()
