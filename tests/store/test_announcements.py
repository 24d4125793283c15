"""The announcement to the feed's readers ends with its transaction, however it ends."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from support.clients.calls import (
    Entry,
    append_batch,
    append_event,
    append_events,
    events_of,
)
from support.clients.store import Store
from support.clients.waiting import Background, is_true, wait_until_blocked

pytestmark = pytest.mark.promise(7)

Observer = psycopg.Connection[Any]

ANNOUNCED = """
exists (
    select
    from pg_locks as l
    where
        l.pid = %s
        and l.locktype = 'advisory'
        and l.classid::bigint >> 16 = 17750
)
"""
LOCKED = "exists (select from pg_locks as l where l.pid = %s and locktype = 'advisory')"

FUNCTIONS = [append_event, append_events, append_batch]


def entries(expected: int | None = None) -> list[Entry]:
    return [Entry(uuid.uuid4(), expected, events_of("noted", 1))]


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_no_lock_outlives_its_transaction(
    store: Store, observer: Observer, ending: str
) -> None:
    with store.connect() as connection:
        pid = connection.info.backend_pid
        for function, expected in itertools.product(FUNCTIONS, [None, 0]):
            connection.execute("begin")
            function(connection, entries(expected))
            assert is_true(observer, ANNOUNCED, pid), (function, expected)
            connection.execute(ending)
            assert not is_true(observer, LOCKED, pid), (function, expected)


def test_a_call_without_a_transaction_leaves_no_lock(
    store: Store, observer: Observer
) -> None:
    with store.connect() as connection:
        for function in FUNCTIONS:
            function(connection, entries())
            assert not is_true(observer, LOCKED, connection.info.backend_pid), function


def test_a_refused_call_leaves_no_lock(store: Store, observer: Observer) -> None:
    with store.connect() as connection:
        for function, expected in itertools.product(FUNCTIONS, [3, -1, -2]):
            with pytest.raises(psycopg.Error):
                function(connection, entries(expected))
            assert not is_true(observer, LOCKED, connection.info.backend_pid), function


def test_a_failed_statement_ends_the_announcement_before_the_rollback(
    store: Store, observer: Observer
) -> None:
    with store.connect() as connection:
        connection.execute("begin")
        append_event(connection, entries())
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("select 1 / 0")
        assert not is_true(observer, LOCKED, connection.info.backend_pid)
        connection.execute("rollback")


def test_a_savepoint_takes_its_own_announcement_back_only(
    store: Store, observer: Observer
) -> None:
    with store.connect() as connection:
        pid = connection.info.backend_pid
        connection.execute("begin; savepoint inner_one")
        append_event(connection, entries())
        assert is_true(observer, ANNOUNCED, pid)
        connection.execute("rollback to savepoint inner_one")
        assert not is_true(observer, LOCKED, pid)
        append_event(connection, entries())
        connection.execute("savepoint inner_two")
        append_event(connection, entries())
        connection.execute("rollback to savepoint inner_two")
        assert is_true(observer, ANNOUNCED, pid)
        connection.execute("commit")
        assert not is_true(observer, LOCKED, pid)


def test_many_appends_of_one_transaction_take_few_locks(
    store: Store, observer: Observer
) -> None:
    with store.connect() as connection, store.connect() as other:
        connection.execute("begin")
        for _ in range(20):
            for function in FUNCTIONS:
                function(connection, entries())
                append_event(other, entries())
        row = observer.execute(
            "select count(*) from pg_locks as l where l.pid = %s"
            " and l.locktype = 'advisory' and l.classid::bigint >> 16 = 17750",
            [connection.info.backend_pid],
        ).fetchone()
        connection.execute("rollback")
    # One before the first write, and one for all that follow it.
    assert row is not None
    assert 1 <= row[0] <= 2


def is_announced_in_the_queue(store: Store, observer: Observer) -> bool:
    """Let one append queue behind another one; say whether it is announced by then."""
    wanted = entries()
    with store.connect() as first, store.connect() as queued:
        first.execute("begin")
        append_event(first, wanted)
        waiting = Background(lambda: append_event(queued, wanted))
        wait_until_blocked(observer, queued)
        announced = is_true(observer, ANNOUNCED, queued.info.backend_pid)
        first.execute("commit")
        assert waiting.result() == (2,)
    return announced


def test_an_append_that_queues_does_not_hold_the_feed_back(
    store: Store, observer: Observer
) -> None:
    assert not is_announced_in_the_queue(store, observer)


@pytest.mark.twin_of(7)
def test_an_early_announcement_is_caught_in_the_queue(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("early_announcement")
    assert is_announced_in_the_queue(store, observer)
