"""Promise 11's ground: the ledger is the tree of all events, whoever is at work."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.checkers.bounded import first_violations
from support.checkers.ledger import ledger_violations
from support.clients.calls import (
    Connection,
    Entry,
    append_event,
    append_events,
    events_of,
)
from support.clients.interrupts import CANCEL, lift_timeouts
from support.clients.projection_steps import sqlstate
from support.clients.seal_work import (
    SEAL,
    interrupted_sealing,
    leaves,
    run_sealing,
    seal,
    seal_all,
)
from support.clients.store import LOGIN, LOGIN_SQL, OWN, Store
from support.clients.waiting import Background, is_true, together, wait_for
from support.seeds import scaled
from support.servers.install_scripts import install as install_engine
from support.servers.poolers import PGBOUNCER, PooledStore, pooler_for

pytestmark = pytest.mark.promise(12)

Observer = psycopg.Connection[Any]

EVENTS = scaled(2_500, 40_000)
# Appended before each seal that is interrupted.
UNSEALED = scaled(300, 600, least=300)
# Of two and more sealers at once.
FEW = scaled(600, 1_000, least=600)
ROUNDS = scaled(40, 250, least=40)
CRASHES = scaled(3, 20)
# Whether somebody has the lock of sealers.
LOCKED = """
not exists (
    select from evident.log_identity where incarnation = 1 for update skip locked
)
"""
INTERRUPTS = {"cancel": CANCEL, "terminate": "select pg_terminate_backend(%s)"}


def append_many(connection: Connection, count: int = 300) -> None:
    append_events(connection, [Entry(uuid.uuid4(), 0, events_of("seal", count))])


def test_every_event_becomes_a_leaf_in_the_order_of_ids(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    assert run_sealing(store, observer, rng, events=EVENTS) == []


@pytest.mark.twin_of(12)
@pytest.mark.parametrize("name", ["hasty_seal", "visible_seal"])
def test_a_sealer_that_does_not_wait_for_writers_is_caught(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    name: str,
) -> None:
    twin(name)
    # A sealer that looks at the guards each time is too slow to be hasty.
    observer.execute(
        "create or replace function evident._record_guard_changes() returns void"
        " language sql begin atomic select null::void; end"
    )
    assert first_violations(lambda: run_sealing(store, observer, rng, events=500))


def test_of_two_sealers_one_works_and_the_other_gives_0(
    store: Store, observer: Observer
) -> None:
    with store.connect() as one, store.connect() as two:
        append_many(one)
        one.execute("begin")
        assert seal(one) == 300
        assert seal(two) == 0
        one.execute("commit")
        assert seal(two) == 1
    assert ledger_violations(observer) == []


def sealers_together(store: Store, observer: Observer, rng: random.Random) -> list[str]:
    """Let sealers have a go at the same events at once, again and again."""
    connections = [store.connect() for _ in range(4)]
    try:
        for _ in range(20):
            append_many(connections[0], rng.choice([3, 300]))
            limits = [rng.choice([1, 200, 1000]) for _ in connections]
            before = leaves(observer)
            counts = together(
                [
                    lambda c=c, n=n: seal(c, n)
                    for c, n in zip(connections, limits, strict=True)
                ]
            )
            if leaves(observer) - before != sum(counts):
                return [f"{counts} sealed, {leaves(observer) - before} leaves more"]
        seal_all(connections[0])
    except psycopg.Error as error:
        return [f"a sealer ended with {error.sqlstate}: {error}"]
    finally:
        for each in connections:
            each.close()
    return ledger_violations(observer)


def test_sealers_never_seal_an_event_twice(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    assert sealers_together(store, observer, rng) == []
    assert run_sealing(store, observer, rng, events=FEW, writers=4, sealers=4) == []


@pytest.mark.twin_of(12)
def test_sealers_without_the_lock_are_caught(
    store: Store, observer: Observer, rng: random.Random, twin: Callable[[str], None]
) -> None:
    twin("unlocked_seal")
    assert first_violations(lambda: sealers_together(store, observer, rng))


# Interruptions.


@pytest.mark.promise(19)
@pytest.mark.parametrize("how", ["timeout", "cancel", "terminate"])
def test_an_interrupted_seal_leaves_everything_as_it_was(
    store: Store, observer: Observer, rng: random.Random, how: str
) -> None:
    sealer = store.connect(application_name="sealer")
    appender = store.connect()

    def interrupt(delay: float) -> str | None:
        nonlocal sealer
        if sealer.closed:
            sealer = store.connect(application_name="sealer")
        if how == "timeout":
            sealer.execute(f"set statement_timeout = {max(1, round(delay * 1000))}")
        task = Background(lambda: sealer.execute(SEAL, [100_000]))
        if how != "timeout":
            time.sleep(delay)
            observer.execute(INTERRUPTS[how], [sealer.info.backend_pid])
        outcome = sqlstate(task)
        if how == "terminate":
            wait_for(
                observer,
                "not exists (select from pg_stat_activity as a where a.pid = %s)",
                sealer.info.backend_pid,
            )
            sealer.close()
        else:
            lift_timeouts(sealer)
            assert not is_true(observer, LOCKED)
        return outcome

    ends = interrupted_sealing(
        observer, interrupt, lambda: append_many(appender, UNSEALED), rng, ROUNDS
    )
    assert set(ends) == {None, "57P01" if how == "terminate" else "57014"}
    seal_all(appender)
    assert ledger_violations(observer) == []


@pytest.fixture
def mortal(major: int) -> Iterator[Server]:
    """Give a durable server of this test's own."""
    with ephemeral(major, {"fsync": "on"}) as server:
        install_engine(server, server.uri)
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
        yield server


@pytest.mark.faults
@pytest.mark.promise(19)
def test_a_sealer_killed_by_the_system_leaves_nothing_half_sealed(
    mortal: Server, rng: random.Random
) -> None:
    """SIGKILL of one backend takes all down, and the server recovers by itself."""
    database = Database("postgres", mortal)
    store, usual, least = Store(database), 0.02, 0
    try:
        for _ in range(CRASHES):
            with store.connect() as connection:
                append_many(connection, 600)
                started = time.monotonic()
                least += seal(connection, 500)
                usual = time.monotonic() - started
                kill_sealer(store, connection, rng.random() * usual)
            with up_again(database) as observer:
                assert leaves(observer) >= least
                least = leaves(observer)
                assert ledger_violations(observer, is_complete=False) == []
        with store.connect() as connection:
            seal_all(connection)
        with database.connect(autocommit=True) as observer:
            assert ledger_violations(observer) == []
    finally:
        database.close()


def kill_sealer(store: Store, witness: Connection, delay: float) -> None:
    """Seal, kill the backend so many seconds later, and wait until all are down."""
    sealer = store.connect()
    task = Background(lambda: sealer.execute(SEAL, [100_000]))
    time.sleep(delay)
    os.kill(sealer.info.backend_pid, signal.SIGKILL)
    with contextlib.suppress(psycopg.OperationalError):
        task.result()
    sealer.close()
    with contextlib.suppress(psycopg.OperationalError):
        wait_for(witness, "false")


def up_again(database: Database) -> Connection:
    """Connect as soon as the server has recovered."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return database.connect(autocommit=True)
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


# Others.


def test_an_append_never_waits_for_a_seal(store: Store, observer: Observer) -> None:
    with store.connect() as sealer, store.connect() as appender:
        append_many(appender)
        sealer.execute("begin")
        assert seal(sealer) == 300
        appender.execute("set lock_timeout = '1ms'")
        for _ in range(20):
            append_event(appender, [Entry(uuid.uuid4(), 0, events_of("free", 1))])
            append_many(appender, 5)
        held = observer.execute(
            "select l.mode from pg_locks as l"
            " where l.pid = %s and l.relation = 'evident.event_store'::regclass"
            " order by l.mode",
            [sealer.info.backend_pid],
        )
        # The same as an append takes: the seal has appended GuardChanged.
        assert [row[0] for row in held] == ["AccessShareLock", "RowExclusiveLock"]
        assert not is_true(observer, "exists (select from pg_locks where not granted)")
        sealer.execute("commit")
        assert seal_all(appender) == 20 * 6 + 1
    assert ledger_violations(observer) == []


def unflushed(store: Store, rounds: int = 30) -> int:
    """Count the seals that are committed before the disk has them."""
    count = 0
    with store.connect() as connection:
        connection.execute("set synchronous_commit = off")
        for _ in range(rounds):
            append_many(connection, 3)
            connection.execute("begin")
            seal(connection)
            row = connection.execute("select pg_current_wal_insert_lsn()").fetchone()
            connection.execute("commit")
            query = "select pg_current_wal_flush_lsn() < %s::pg_lsn"
            count += connection.execute(query, row).fetchone() == (True,)
            assert connection.execute("show synchronous_commit").fetchone() == ("off",)
    return count


def seal_beside_an_own_event(store: Store, observer: Observer) -> str | None:
    """Change the guards while an own event is not committed; how does seal fail?

    If not at all, the status tells, and the next seal tells of the guards, once.
    """
    with store.connect() as sealer, store.connect() as appender:
        seal_all(sealer)
        version = _newest_own(observer)
        append_many(appender, 3)
        with store.db.connect() as other:
            other.execute("select evident._append_own_event('Other', '{}')")
            observer.execute("create view evident.addition as select 1 as one")
            sealer.execute("set statement_timeout = '3s'")
            try:
                assert seal(sealer, 3) == 3
            except psycopg.Error as error:
                return error.sqlstate
            assert _attestation(observer) == "55P03"
            other.rollback()
        seal_all(sealer)
        assert _attestation(observer) is None
        assert _newest_own(observer) == version + 1
    return None


def test_an_own_event_that_is_not_committed_does_not_hold_the_sealer_up(
    store: Store, observer: Observer
) -> None:
    assert seal_beside_an_own_event(store, observer) is None


@pytest.mark.twin_of(12)
def test_a_sealer_that_waits_for_such_an_event_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("patient_guards")
    assert seal_beside_an_own_event(store, observer) == "57014"


def _newest_own(observer: Observer) -> int:
    row = observer.execute("select evident.aggregate_version(%s)", [OWN]).fetchone()
    assert row is not None
    return int(row[0])


def _attestation(observer: Observer) -> str | None:
    row = observer.execute(
        "select s.attestation_sqlstate from evident.ledger_status as s"
    ).fetchone()
    assert row is not None
    return row[0]


def test_a_seal_is_on_disk_when_it_is_committed(store: Store) -> None:
    assert unflushed(store) == 0


@pytest.mark.twin_of(12)
def test_a_seal_that_commits_as_the_session_says_is_caught(
    store: Store, twin: Callable[[str], None]
) -> None:
    twin("lazy_seal")
    assert unflushed(store) > 0


@pytest.mark.skipif(
    PGBOUNCER is None, reason="no pgbouncer: see tests/system_packages.sh"
)
def test_sealing_through_a_pooler_is_as_without(
    store: Store, server: Server, observer: Observer, rng: random.Random
) -> None:
    with pooler_for(server, store.db.name, LOGIN, size=6) as uri:
        pooled = PooledStore(store.db, uri)
        assert (
            run_sealing(pooled, observer, rng, events=EVENTS // 4, writers=8, sealers=2)
            == []
        )
