"""A writer, or a login without any right, that does nothing but attack."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from support.clients.store import OWN, Store
from support.clients.waiting import is_true
from support.seeds import scaled

Connection = psycopg.Connection[Any]

STRANGER = "evident_test_stranger"
APPEND = "select evident.append_event(gen_random_uuid(), 'Noted', '{}', %s)"
HOLD = """
select count(pg_advisory_lock((17750::bigint << 48) | n))
from generate_series(0, 2000) as n
"""
BOMB = f'{{"a":[{",".join(["1e131071"] * 8300)}]}}'
DETOURS = """
select count(*) from pg_locks as l
where l.locktype = 'advisory' and l.classid::bigint >> 16 = 17757 and l.pid = %s
"""


@pytest.fixture
def stranger(store: Store, observer: Connection) -> Iterator[Connection]:
    """Connect a login that has no right but to connect."""
    observer.execute(f"create role {STRANGER} login")
    connection = psycopg.connect(store.db.dsn, user=STRANGER, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()
        observer.execute(f"drop role {STRANGER}")


def feed(connection: Connection) -> list[int]:
    return [row[0] for row in connection.execute("select id from evident.read_feed()")]


@pytest.mark.promise(26)
@pytest.mark.parametrize("expected", [0, None])
def test_held_announcements_make_no_append_wait(
    store: Store, stranger: Connection, expected: int | None
) -> None:
    stranger.execute(HOLD)
    with store.connect() as writer, store.connect() as other, store.connect() as reader:
        writer.execute("set statement_timeout = '5s'")
        writer.execute(APPEND, [expected])
        writer.execute("begin")
        for _ in range(30):
            writer.execute(APPEND, [expected])
        # One key for the whole transaction.
        row = reader.execute(DETOURS, [writer.info.backend_pid]).fetchone()
        assert row == (1,)
        other.execute(APPEND, [expected])
        assert feed(reader) == [1]
        writer.execute("commit")
        assert feed(reader) == list(range(1, 33))


@pytest.mark.promise(7)
def test_a_savepoint_takes_a_detour_back(store: Store, stranger: Connection) -> None:
    stranger.execute(HOLD)
    with store.connect() as writer, store.connect() as other, store.connect() as reader:
        writer.execute("begin; savepoint s")
        writer.execute(APPEND, [0])
        writer.execute("rollback to s")
        assert reader.execute(DETOURS, [writer.info.backend_pid]).fetchone() == (0,)
        writer.execute(APPEND, [0])
        other.execute(APPEND, [0])
        assert feed(reader) == []
        writer.execute("commit")
        assert feed(reader) == [2, 3]


@pytest.mark.twin_of(26)
def test_a_detour_without_an_announcement_is_found(
    store: Store, stranger: Connection, twin: Callable[[str], None]
) -> None:
    twin("unannounced_detour")
    stranger.execute(HOLD)
    with store.connect() as writer, store.connect() as other, store.connect() as reader:
        writer.execute("begin")
        writer.execute(APPEND, [0])
        other.execute(APPEND, [0])
        # The event that is still to come is passed.
        assert feed(reader) == [2]
        writer.execute("commit")


@pytest.mark.promise(7)
@pytest.mark.parametrize("change", ["cache 50", "increment 2", "increment -1", "cycle"])
def test_a_sequence_out_of_order_is_refused_and_the_feed_stays_right(
    store: Store, observer: Connection, change: str
) -> None:
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(store.connect()) for _ in range(2)]
        reader = stack.enter_context(store.connect())
        for writer, _ in itertools.product(writers, range(8)):
            writer.execute(APPEND, [0])
        observer.execute(f"alter sequence evident.event_store_id_seq {change}")
        for writer, expected in itertools.product(writers, [0, None]):
            with pytest.raises(psycopg.Error) as refusal:
                writer.execute(APPEND, [expected])
            assert refusal.value.sqlstate == "PT500"
        observer.execute(
            "alter sequence evident.event_store_id_seq increment 1 cache 1 no cycle"
        )
        seen: list[int] = []
        for writer in [*writers, *writers]:
            writer.execute(APPEND, [0])
            last = seen[-1] if seen else 0
            rows = reader.execute("select id from evident.read_feed(%s)", [last])
            seen += [row[0] for row in rows]
        assert seen == [each.id for each in store.log()]


@pytest.mark.twin_of(7)
def test_an_append_that_takes_any_id_is_found(
    store: Store, observer: Connection, twin: Callable[[str], None]
) -> None:
    twin("any_sequence")
    observer.execute("alter sequence evident.event_store_id_seq cache 50")
    with store.connect() as one, store.connect() as two, store.connect() as reader:
        one.execute(APPEND, [0])
        two.execute(APPEND, [0])
        assert feed(reader)[-1] == 51
        one.execute(APPEND, [0])
        assert reader.execute("select * from evident.read_feed(51)").fetchall() == []


def attack(connection: Connection, is_over: threading.Event) -> int:
    """Do all that a writer may not, until it is over; count what was tried."""
    calls = [
        ("select evident.append_event(%s, 'GuardChanged', '{}')", [OWN]),
        ("select evident.append_events(%s, '[]')", [OWN]),
        ("select evident.append_event(gen_random_uuid(), 'N', %s::jsonb)", [BOMB]),
        ("select evident.append_event(gen_random_uuid(), 'N', '{}', 0, %s)", [BOMB]),
        (HOLD, []),
        ("select pg_advisory_unlock_all()", []),
        (
            "select count(evident.append_event(gen_random_uuid(), 'N', '{}', 0))"
            " from generate_series(1, 100)",
            [],
        ),
    ]
    tried = 0
    for statement, arguments in itertools.cycle(calls):
        if is_over.is_set():
            return tried
        with contextlib.suppress(psycopg.Error):
            connection.execute(statement, arguments)
        tried += 1
    return tried


@pytest.mark.promise(21)
@pytest.mark.promise(23)
@pytest.mark.promise(26)
def test_work_goes_on_beside_a_writer_that_only_attacks(
    store: Store, observer: Connection
) -> None:
    is_over = threading.Event()
    with store.connect() as attacker, store.connect() as one:
        running = threading.Thread(target=attack, args=[attacker, is_over])
        running.start()
        try:
            end = time.monotonic() + scaled(2, 60, least=2)
            rounds = 0
            while time.monotonic() < end:
                one.execute(APPEND, [0])
                one.execute("select evident.seal()")
                one.execute("select * from evident.read_feed(0, 100)")
                rounds += 1
        finally:
            is_over.set()
            running.join()
    assert rounds > 3
    began = time.monotonic()
    with store.connect() as one:
        while not is_true(observer, "(select f.lag = 0 from evident.feed_status as f)"):
            assert time.monotonic() - began < 5
        one.execute("select evident.seal()")
        assert time.monotonic() - began < 5
        row = one.execute(
            "select count(*), bool_and(event_type in ('GuardChanged'))"
            " from evident.event_store where aggregate_id = %s",
            [OWN],
        ).fetchone()
        assert one.execute("select * from evident.verify_ledger()").fetchall() == []
    assert row is not None and row[0] <= 2 and row[1] is not False
