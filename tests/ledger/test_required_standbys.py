"""Nothing is signed that a required synchronous standby does not have yet."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from conftest import TEMPLATE, Database, fresh_database
from pg_evident.database import connect
from pg_evident.failure import Failure
from pg_evident.ledger import tree as ledger
from pg_evident.server.cluster import Server
from support.clients.calls import Connection
from support.clients.programs import MAIN, ROOT, finish
from support.clients.publishing import (
    AUDITOR,
    Outside,
    auditor_dsn,
    check_directory,
    grow,
    outside,
    tree_size,
)
from support.clients.waiting import Background, is_true, wait_for
from support.servers.pair import primary_and_standby
from support.servers.standby import wait_for_replay

pytestmark = [pytest.mark.promise(16), pytest.mark.faults, pytest.mark.once]

# Whoever runs the tests in the background of a shell has it ignored.
CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
WAITS = """
exists (
    select
    from pg_stat_activity as a
    where
        a.datname = current_database()
        and a.usename = %s
        and a.wait_event = 'SyncRep'
)
"""
INTERRUPT = """
select {}(a.pid)
from pg_stat_activity as a
where
    a.datname = current_database()
    and a.usename = %s
    and a.wait_event = 'SyncRep'
"""


@dataclass
class Pair:
    here: Database
    standby: Server
    owner: Connection
    kept: Outside

    def seal_unconfirmed(self, events: int) -> int:
        """Seal what the standby does not get: the wait for it is given up."""
        self.owner.execute(
            "select evident.append_event(gen_random_uuid(), 'Noted', '{}')"
            " from generate_series(1, %s)",
            [events],
        )
        with contextlib.closing(connect(self.here.dsn, autocommit=True)) as other:
            sealing = Background(lambda: other.execute("select evident.seal()"))
            self.interrupt("postgres", "pg_cancel_backend")
            sealing.result()
        return tree_size(self.owner)

    def interrupt(self, who: str, function: str) -> None:
        wait_for(self.owner, WAITS, who)
        self.owner.execute(INTERRUPT.format(function).encode(), [who])

    def publishing(self) -> Background[str | None]:
        return Background(lambda: self.kept.publish(self.here))

    def wait(self, publishing: Background[str | None] | None = None) -> None:
        """Wait until the publisher waits, or has ended."""
        deadline = time.monotonic() + 30
        while not (publishing and publishing.is_done()):
            if is_true(self.owner, WAITS, AUDITOR):
                return
            assert time.monotonic() < deadline
            time.sleep(0.001)


def require_standbys(server: Server, names: str) -> None:
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(f"alter system set synchronous_standby_names = '{names}'")
        connection.execute("select pg_reload_conf()")
        wait_for(
            connection,
            "(select count(*) = %s from pg_stat_replication as r"
            " where r.sync_state in ('sync', 'quorum'))",
            1 if names else 0,
        )


@pytest.fixture
def pair(servers: tuple[Server, Server], tmp_path: Path) -> Iterator[Pair]:
    """Give a database with 5 leaves published; its standby is required, and stopped."""
    primary, standby = servers
    with fresh_database(primary, TEMPLATE) as here:
        kept = outside(tmp_path)
        owner = here.connect(autocommit=True)
        grow(owner, 5)
        require_standbys(primary, "*")
        assert kept.publish(here) == "000001-000000000005.checkpoint"
        standby.stop()
        try:
            yield Pair(here, standby, owner, kept)
        finally:
            with contextlib.suppress(Failure):
                standby.start()
            require_standbys(primary, "")


def check_that_it_waits(pair: Pair) -> None:
    """Publish what only the primary has: not before the standby is back."""
    assert pair.seal_unconfirmed(300) == 306
    before = pair.kept.files()
    publishing = pair.publishing()
    pair.wait(publishing)
    assert not publishing.is_done()
    assert pair.kept.files() == before
    pair.standby.start()
    assert publishing.result() == "000001-000000000306.checkpoint"
    check_directory(pair.kept)


def test_what_a_required_standby_lacks_is_not_signed_until_it_is_back(
    pair: Pair,
) -> None:
    check_that_it_waits(pair)


@pytest.mark.twin_of(16)
def test_a_publisher_that_does_not_wait_is_caught(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BARRIER", "select 1")
    with pytest.raises((AssertionError, TimeoutError)):
        check_that_it_waits(pair)


def test_a_wait_that_was_cancelled_signs_nothing(pair: Pair) -> None:
    before = pair.kept.files()
    pair.seal_unconfirmed(3)
    publishing = pair.publishing()
    pair.interrupt(AUDITOR, "pg_cancel_backend")
    with pytest.raises(Failure, match="not every synchronous standby has the tree"):
        publishing.result()
    assert pair.kept.files() == before

    publishing = pair.publishing()
    pair.interrupt(AUDITOR, "pg_terminate_backend")
    with pytest.raises(psycopg.OperationalError):
        publishing.result()
    assert pair.kept.files() == before


@pytest.mark.parametrize(
    "setting",
    ["client_min_messages = error", "synchronous_commit = local"],
)
def test_settings_of_the_role_do_not_hide_that_the_wait_ended(
    pair: Pair, setting: str
) -> None:
    before = pair.kept.files()
    pair.seal_unconfirmed(3)
    pair.owner.execute(f"alter role {AUDITOR} set {setting}".encode())
    try:
        publishing = pair.publishing()
        pair.interrupt(AUDITOR, "pg_cancel_backend")
        with pytest.raises(Failure, match="not every synchronous standby"):
            publishing.result()
    finally:
        pair.owner.execute(f"alter role {AUDITOR} reset all")
    assert pair.kept.files() == before


def test_where_standbys_must_have_applied_it_they_have(pair: Pair) -> None:
    pair.standby.start()
    pair.owner.execute(f"alter role {AUDITOR} set synchronous_commit = remote_apply")
    try:
        with connect(pair.standby.uri, autocommit=True) as there:
            wait_for_replay(pair.here.server, pair.standby)
            there.execute("select pg_wal_replay_pause()")
            wait_for(there, "pg_get_wal_replay_pause_state() = 'paused'")
            before = pair.kept.files()
            size = grow(pair.owner, 3)
            publishing = pair.publishing()
            pair.wait()
            assert pair.kept.files() == before
            there.execute("select pg_wal_replay_resume()")
            assert publishing.result() == f"000001-{size:012}.checkpoint"
    finally:
        pair.owner.execute(f"alter role {AUDITOR} reset all")


def test_one_that_waits_long_says_so(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PATIENCE", 0.0)
    pair.seal_unconfirmed(1)
    publishing = pair.publishing()
    pair.wait()
    pair.standby.start()
    publishing.result()
    assert pair.kept.said == ["waiting for the synchronous standbys to have the tree"]


@pytest.mark.parametrize("words", [[], ["--every", "1"]])
def test_a_signal_ends_a_publisher_that_waits(pair: Pair, words: list[str]) -> None:
    before = pair.kept.files()
    pair.seal_unconfirmed(1)
    kept = pair.kept
    key = kept.directory.parent / "key"
    given = ["--key", key, "--out", kept.directory, "--dsn", auditor_dsn(pair.here)]
    process = subprocess.Popen(
        [sys.executable, "-c", CTRL_C + MAIN, "publish", *map(str, given), *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            pair.wait()
            process.send_signal(signal.SIGTERM if words else signal.SIGINT)
            code, out, err = finish(process)
        finally:
            process.kill()
    assert (code == 0) == bool(words), err
    assert out == ""
    assert "Traceback" not in err
    assert kept.files() == before


def promote_and_publish(pair: Pair) -> None:
    """Lose the primary while the publisher waits; go on with the required standby."""
    assert pair.seal_unconfirmed(300) == 306
    publishing = pair.publishing()
    pair.wait(publishing)
    pair.here.close()
    pair.here.server.crash()
    with contextlib.suppress(psycopg.OperationalError):
        publishing.result()
    pair.standby.start()
    there = Database(pair.here.name, pair.standby)
    promoted = there.connect(autocommit=True)
    assert promoted.execute("select pg_promote()").fetchone() == (True,)
    promoted.execute("alter system set synchronous_standby_names = ''")
    promoted.execute("select pg_reload_conf()")
    size = grow(promoted, 2)
    try:
        assert pair.kept.publish(there) == f"000001-{size:012}.checkpoint"
        assert pair.kept.said == []
    finally:
        there.close()


@pytest.fixture
def mortal_pair(major: int, tmp_path: Path) -> Iterator[Pair]:
    with (
        primary_and_standby(major) as (primary, standby),
        contextlib.closing(Database(TEMPLATE, primary)) as here,
    ):
        kept = outside(tmp_path)
        owner = here.connect(autocommit=True)
        grow(owner, 5)
        require_standbys(primary, "*")
        kept.publish(here)
        standby.stop()
        yield Pair(here, standby, owner, kept)


def test_a_failover_to_a_required_standby_needs_no_incarnation(
    mortal_pair: Pair,
) -> None:
    promote_and_publish(mortal_pair)


def test_after_a_publisher_that_did_not_wait_it_would_need_one(
    mortal_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BARRIER", "select 1")
    with pytest.raises(Failure, match="306 leaves were published"):
        promote_and_publish(mortal_pair)
