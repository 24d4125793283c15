"""evident.blocker: nobody stands in the way unseen, and nobody at work is listed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from pg_evident.server.cluster import Server
from support.clients.store import Connection, PatientConnection, Store
from support.clients.waiting import Background, wait_for, wait_until_blocked

STRANGER = "evident_test_bystander"
BLOCKERS = """
select b.pid, b.login, b.stops, b.lock, b.is_held, b.locks, b.waiting
from evident.blocker as b
order by b.pid, b.stops, b.lock
"""
APPEND = "select evident.append_event(%s, 'OrderCreated', %s)"
ORDER = '{"customer_id": "c", "ordered_on": "2026-01-01", "amount": 1, "quantity": 1}'
OLD = """
select a.xact_start < clock_timestamp() - interval '1 second'
from pg_stat_activity as a
where a.pid = %(pid)s
"""
# Plans that give a session the locks of one that reads, or appends.
DISGUISES = {
    "reads": "prepare p as select 1 from evident.event_store",
    "appends": "prepare p as insert into evident.event_store default values",
    "appends, with an id": "prepare p as insert into evident.event_store"
    " default values; select pg_current_xact_id()",
}
# What a login without any right can take: statements, what they stop, what lock.
OBSTACLES = {
    "announcements, exclusively": (
        "select pg_advisory_lock((17750::bigint << 48) | n)"
        " from generate_series(0, 20) as n",
        ("appends", "advisory lock 17750 ExclusiveLock", True, 21),
    ),
    "an announcement that stays": (
        "select pg_advisory_lock_shared(17750::bigint << 48)",
        ("feed", "advisory lock 17750 ShareLock", True, 1),
    ),
    "a detour that stays": (
        "select pg_advisory_lock_shared(17757::bigint << 48)",
        ("feed", "advisory lock 17757 ShareLock", True, 1),
    ),
    "an aggregate": (
        "select pg_advisory_lock((17751::bigint << 48) | 1)",
        ("appends", "advisory lock 17751 ExclusiveLock", True, 1),
    ),
    "a projection": (
        "begin; select pg_advisory_xact_lock((17752::bigint << 48) | 1)",
        ("projections", "advisory lock 17752 ExclusiveLock", True, 1),
    ),
    "registrations": (
        "select pg_advisory_lock(17753::bigint << 48)",
        ("projections", "advisory lock 17753 ExclusiveLock", True, 1),
    ),
    "a key of a read model": (
        "select pg_advisory_lock_shared((17754::bigint << 48) | 7)",
        ("projections", "advisory lock 17754 ShareLock", True, 1),
    ),
    "a key that sealers do not take": (
        "select pg_advisory_lock(17755::bigint << 48)",
        ("nothing", "advisory lock 17755 ExclusiveLock", True, 1),
    ),
    "a key that is not in use yet": (
        "select pg_advisory_lock(17759::bigint << 48)",
        ("nothing", "advisory lock 17759 ExclusiveLock", True, 1),
    ),
}


@pytest.fixture(scope="session")
def stranger(server: Server, template: str) -> Iterator[str]:
    """Make a login without rights; the session's server ends with it."""
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute(f"create role {STRANGER} login".encode())
    yield STRANGER


def connect(store: Store, user: str, **kwargs: Any) -> Connection:
    connection = PatientConnection.connect(
        store.db.dsn, autocommit=True, user=user, **kwargs
    )
    store.db.connections.append(connection)
    return connection


def blockers(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(BLOCKERS.encode()).fetchall()


def is_old(observer: Connection, holder: Connection) -> bool:
    row = observer.execute(OLD.encode(), {"pid": holder.info.backend_pid}).fetchone()
    return row == (True,)


def unseen(store: Store, observer: Connection, stranger: str) -> set[str]:
    """Take each obstacle as a stranger; name those that the view does not show."""
    missed = set()
    for name, (statements, (stops, lock, is_held, locks)) in OBSTACLES.items():
        holder = connect(store, stranger)
        for statement in statements.split("; "):
            holder.execute(statement.encode())
        pid = holder.info.backend_pid
        if (pid, stranger, stops, lock, is_held, locks, 0) not in blockers(observer):
            missed.add(name)
        holder.close()
        wait_for(
            observer, "not exists (select from pg_locks as l where l.pid = %s)", pid
        )
    return missed


@pytest.mark.promise(26)
def test_a_login_without_rights_cannot_hold_a_key_unseen(
    store: Store, stranger: str
) -> None:
    monitor = store.db.connect(autocommit=True)
    monitor.execute("set role evident_monitor")
    assert unseen(store, monitor, stranger) == set()
    assert blockers(monitor) == []


@pytest.mark.twin_of(26)
def test_a_view_of_who_is_waited_for_misses_those_nobody_waits_for(
    store: Store, observer: Connection, stranger: str, twin: Callable[[str], None]
) -> None:
    twin("waited_for_only")
    assert "an announcement that stays" in unseen(store, observer, stranger)


def disguised(store: Store, observer: Connection, stranger: str) -> set[str]:
    """Hold the feed and an aggregate behind plans; name the disguises that work."""
    locks = (
        "pg_advisory_xact_lock((17751::bigint << 48) | {number})",
        "pg_advisory_xact_lock_shared(17750::bigint << 48)",
        "pg_advisory_xact_lock_shared(17757::bigint << 48)",
    )
    holders = {}
    for name, statements in DISGUISES.items():
        for lock in locks:
            holder = connect(store, stranger)
            taken = f"select {lock.format(number=len(holders))}"
            for statement in ("begin", *statements.split("; "), taken):
                holder.execute(statement.encode())
            holders[f"{name}: {lock}"] = holder
    wait_for(observer, f"({OLD.replace('%(pid)s', '%s')})", holder.info.backend_pid)
    told = {row[0] for row in blockers(observer)}
    hidden = {
        name for name, held in holders.items() if held.info.backend_pid not in told
    }
    for held in holders.values():
        held.execute("rollback")
        held.close()
    wait_for(observer, "not exists (select from evident.blocker)")
    return hidden


@pytest.mark.promise(26)
def test_a_plan_hides_nobody(store: Store, observer: Connection, stranger: str) -> None:
    observer.execute(f"grant usage on schema evident to {stranger}".encode())
    monitor = store.db.connect(autocommit=True)
    monitor.execute("set role evident_monitor")
    assert disguised(store, observer, stranger) == set()
    holder = connect(store, stranger)
    for statement in (
        "begin",
        DISGUISES["appends"],
        "select pg_advisory_xact_lock_shared(17750::bigint << 48)",
    ):
        holder.execute(statement.encode())
    found = [(row[0], row[2]) for row in blockers(monitor)]
    assert found == [(holder.info.backend_pid, "feed")]


@pytest.mark.twin_of(26)
def test_a_view_that_believes_locks_is_caught(
    store: Store, observer: Connection, stranger: str, twin: Callable[[str], None]
) -> None:
    observer.execute(f"grant usage on schema evident to {stranger}".encode())
    twin("believed_locks")
    assert disguised(store, observer, stranger) != set()


@pytest.mark.promise(26)
def test_work_that_others_wait_for_is_told_after_a_second(
    store: Store, observer: Connection
) -> None:
    aggregate = uuid.uuid4()
    first, second = store.connect(), store.connect()
    first.execute("begin")
    first.execute(APPEND, [aggregate, ORDER])
    task = Background(lambda: second.execute(APPEND, [aggregate, ORDER]))
    wait_until_blocked(observer, second)
    wait_for(observer, f"({OLD.replace('%(pid)s', '%s')})", first.info.backend_pid)
    monitor = store.db.connect(autocommit=True)
    monitor.execute("set role evident_monitor")
    wait_for(
        observer,
        "exists (select from pg_locks as l where not l.granted"
        " and l.waitstart < clock_timestamp() - interval '1 second')",
    )
    for viewer in (observer, monitor):
        found = [(row[0], row[2], row[6]) for row in blockers(viewer)]
        assert found == [(first.info.backend_pid, "appends", 1)]
    first.execute("commit")
    task.result()


@pytest.mark.promise(26)
def test_a_seal_that_is_held_back_says_by_whom(
    store: Store, observer: Connection, stranger: str
) -> None:
    writer, sealer, holder = store.connect(), store.connect(), connect(store, stranger)
    sealer.execute("select evident.seal()")
    sealer.execute("select evident.seal()")
    said: list[str | None] = []
    sealer.add_notice_handler(
        lambda diagnostic: said.append(diagnostic.message_primary)
    )
    assert sealer.execute("select evident.seal()").fetchone() == (0,)
    assert said == []
    holder.execute("select pg_advisory_lock_shared(17750::bigint << 48)")
    writer.execute(APPEND, [uuid.uuid4(), ORDER])
    assert sealer.execute("select evident.seal()").fetchone() == (0,)
    assert len(said) == 1
    assert f"session {holder.info.backend_pid}" in str(said[0])
    row = observer.execute("select s.blockers from evident.ledger_status as s")
    assert row.fetchone() == (1,)
    holder.close()


@pytest.mark.promise(26)
def test_what_waits_is_told(store: Store, observer: Connection, stranger: str) -> None:
    row = observer.execute(
        "select p.number from evident.projection as p where p.name = 'shop.daily_sales'"
    ).fetchone()
    assert row is not None
    holder = connect(store, stranger)
    holder.execute("select pg_advisory_lock((17752::bigint << 48) | %s)", row)
    runner = store.connect()
    task = Background(
        lambda: runner.execute("select evident.pause_projection('shop.daily_sales')")
    )
    wait_until_blocked(observer, runner)
    rows = observer.execute(
        "select b.login, b.waiting_pids, b.started_at is not null"
        " from evident.blocker as b"
    ).fetchall()
    assert rows == [(stranger, [runner.info.backend_pid], True)]
    holder.close()
    task.result()
    assert blockers(observer) == []


@pytest.mark.promise(26)
def test_a_prepared_transaction_is_told(
    store: Store, observer: Connection, stranger: str
) -> None:
    holder = connect(store, stranger)
    with holder.transaction():
        holder.execute("create temporary table t (a integer); drop table t")
    holder.execute("begin")
    holder.execute("select pg_advisory_xact_lock_shared(17750::bigint << 48)")
    holder.execute("prepare transaction 'evident_test_left'")
    rows = observer.execute(
        "select b.pid, b.login, b.application, b.stops from evident.blocker as b"
    ).fetchall()
    assert rows == [(None, stranger, "evident_test_left", "feed")]
    holder.execute("rollback prepared 'evident_test_left'")


@pytest.mark.promise(26)
@pytest.mark.parametrize(
    ("statement", "stops", "lock"),
    [
        (
            "lock table evident.event_store in access exclusive mode",
            "appends",
            "evident.event_store AccessExclusiveLock",
        ),
        (
            "lock table shop.orders_summary in exclusive mode",
            "projections",
            "shop.orders_summary ExclusiveLock",
        ),
        (
            "select from shop.orders_summary as s for update",
            "appends",
            "row or transaction",
        ),
    ],
)
def test_a_lock_on_a_table_or_a_row_is_told(
    store: Store, observer: Connection, statement: str, stops: str, lock: str
) -> None:
    aggregate = uuid.uuid4()
    writer = store.connect()
    writer.execute(APPEND, [aggregate, ORDER])
    holder = store.db.connect()
    holder.execute(statement.encode())
    task = Background(lambda: writer.execute(APPEND, [aggregate, ORDER]))
    wait_until_blocked(observer, writer)
    found = [(row[0], row[2], row[3], row[6]) for row in blockers(observer)]
    assert found == [(holder.info.backend_pid, stops, lock, 1)]
    holder.rollback()
    task.result()


@pytest.mark.promise(26)
def test_the_row_that_sealers_take_is_told(store: Store, observer: Connection) -> None:
    holder = store.db.connect()
    holder.execute("select from evident.log_identity as i for update")
    found = [(row[0], row[2], row[3]) for row in blockers(observer)]
    assert found == [(holder.info.backend_pid, "seal", "evident.log_identity row")]
    holder.rollback()


def test_who_is_at_work_is_not_listed(store: Store, observer: Connection) -> None:
    aggregate = uuid.uuid4()
    first, second = store.connect(), store.connect()
    first.execute("begin")
    first.execute(APPEND, [aggregate, ORDER])
    task = Background(lambda: second.execute(APPEND, [aggregate, ORDER]))
    wait_until_blocked(observer, second)
    rows = blockers(observer)
    # On a slow machine the transaction may be a second old by now.
    assert rows == [] or is_old(observer, first)
    first.execute("commit")
    task.result()
    for statement in (
        "select evident.run_projection('shop.daily_sales')",
        "select evident.seal()",
        "select evident.pause_projection('shop.orders_summary')",
        "select evident.rebuild_projection('shop.daily_sales')",
        "select evident.create_consumer('blockers')",
        "select evident.claim_events('blockers', 'w', 1)",
    ):
        with first.transaction():
            first.execute(statement.encode())
            assert blockers(observer) == [], statement


@pytest.mark.promise(26)
def test_a_run_that_does_nothing_says_who_is_in_the_way(
    store: Store, observer: Connection, stranger: str
) -> None:
    row = observer.execute(
        "select p.number from evident.projection as p where p.name = 'shop.daily_sales'"
    ).fetchone()
    assert row is not None
    holder, runner = connect(store, stranger), store.connect()
    said: list[str | None] = []
    runner.add_notice_handler(
        lambda diagnostic: said.append(diagnostic.message_primary)
    )
    run = "select evident.run_projection('shop.daily_sales')"
    holder.execute("select pg_advisory_lock((17752::bigint << 48) | %s)", row)
    assert runner.execute(run).fetchone() == (0,)
    assert said == [
        f"nothing is done: session {holder.info.backend_pid} of {stranger}"
        " has the lock of projection shop.daily_sales"
    ]
    holder.close()
    wait_for(observer, "not exists (select from evident.blocker)")
    said.clear()
    assert runner.execute(run).fetchone() == (0,)
    assert said == []
    runner.execute("select evident.pause_projection('shop.daily_sales')")
    runner.execute(run)
    assert said == ["nothing is done: projection shop.daily_sales is paused"]
