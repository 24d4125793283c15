"""Appends whose one snapshot is older than what a rebuild has repaired."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from support.checkers.bounded import first_violations
from support.checkers.projections import drift
from support.clients.calls import Entry, append_event
from support.clients.projection_steps import (
    LEVELS,
    ONE,
    PAUSE,
    RESUME,
    TWO,
    added,
    append,
    sqlstate,
    state,
)
from support.clients.projection_work import REBUILD, RUN, violations
from support.clients.store import Store
from support.clients.waiting import (
    Background,
    together,
    wait_until_blocked,
    wait_until_blocked_or_done,
)
from support.models.projection_models import SYNC, make_models

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]

by_level = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)

# What was changed by hand before the snapshot, and what the append then does.
HANDS = {
    "changed": "update races.sync_one set n = -1",
    "removed": "delete from races.sync_one",
    "added": "insert into races.sync_one values (%s, 9, 9, 'stray')",
}


def append_with_an_old_snapshot(
    store: Store, observer: Observer, level: IsolationLevel, hand: str, kind: str
) -> tuple[str | None, list[str]]:
    """Repair a row between the snapshot of a transaction and its append.

    Gives how the append was refused, and the drift.
    """
    last = "Closed" if hand == "added" else "Added"
    append(observer, ONE)
    append_event(observer, [Entry(ONE, 1, added(kind=last))])
    observer.execute(HANDS[hand].replace("%s", f"'{ONE}'").encode())
    with store.connect(level) as old:
        old.autocommit = False
        old.execute("select count(*) from evident.event_store")
        assert observer.execute(REBUILD, [SYNC.name, 0, 1]).fetchone() == (1,)
        refused = None
        try:
            append_event(old, [Entry(ONE, 2, added(kind=kind))])
            old.commit()
        except psycopg.Error as error:
            refused = error.sqlstate
            old.rollback()
    return refused, drift(observer, SYNC.name)


@by_level
@pytest.mark.parametrize(
    ("hand", "kind"),
    [
        ("changed", "Added"),
        ("changed", "Closed"),
        ("removed", "Added"),
        ("removed", "Closed"),
        ("added", "Added"),
    ],
)
def test_an_append_with_an_old_snapshot_does_not_fold_onto_what_a_rebuild_repaired(
    store: Store, observer: Observer, level: IsolationLevel, hand: str, kind: str
) -> None:
    make_models(observer, [SYNC])
    refused, found = append_with_an_old_snapshot(store, observer, level, hand, kind)
    assert (refused, found) == ("40001", [])


@pytest.mark.twin_of(8)
@by_level
def test_an_append_that_does_not_ask_whether_rows_were_repaired_is_caught(
    store: Store,
    observer: Observer,
    twin: Callable[[str], None],
    level: IsolationLevel,
) -> None:
    """No conflict tells of a row that came since."""
    make_models(observer, [SYNC])
    twin("old_snapshots")
    refused, found = append_with_an_old_snapshot(
        store, observer, level, "removed", "Closed"
    )
    assert (refused, len(found)) == (None, 1)


@by_level
def test_appends_with_one_snapshot_beside_rebuilds_lose_nothing(
    store: Store, observer: Observer, level: IsolationLevel
) -> None:
    make_models(observer, [SYNC])
    aggregates = [uuid.uuid4() for _ in range(4)]
    over = threading.Event()

    def write() -> set[str]:
        outcomes = set()
        with store.connect(level) as connection:
            connection.autocommit = False
            for n in range(120):
                try:
                    append(connection, aggregates[n % 4], count=1 + n % 3)
                    connection.commit()
                    outcomes.add("ok")
                except psycopg.Error as error:
                    connection.rollback()
                    outcomes.add(str(error.sqlstate))
        return outcomes

    def rebuild() -> None:
        with store.connect() as connection:
            while not over.is_set():
                connection.execute(REBUILD, [SYNC.name, 0, 1])

    rebuilding = Background(rebuild)
    try:
        outcomes = set().union(*together([write] * 3))
    finally:
        over.set()
    rebuilding.result()
    assert "ok" in outcomes
    assert outcomes <= {"ok", "40001", "PT409"}
    assert violations(store, observer, [SYNC]) == []


def wait_in_a_circle(
    store: Store, observer: Observer, level: IsolationLevel, count: int
) -> list[str]:
    """Let a transaction wait for an append with one snapshot, and both for a rebuild.

    The rebuild waits for the transaction. Names who was refused.
    """

    def append_alone() -> None:
        with one.transaction():
            append(one, TWO, count=count)

    append(observer, ONE)
    append(observer, TWO)
    with (
        store.connect() as several,
        store.connect(level) as one,
        store.connect() as rebuilding,
    ):
        several.execute("begin")
        append(several, ONE)
        rebuild = Background(lambda: rebuilding.execute(REBUILD, [SYNC.name, 0, 1]))
        wait_until_blocked(observer, rebuilding)
        other = Background(append_alone)
        wait_until_blocked_or_done(observer, one, other)
        crossing = Background(lambda: append(several, TWO, count=count))
        codes = {"transaction": sqlstate(crossing)}
        several.execute("rollback" if codes["transaction"] else "commit")
        codes |= {"append": sqlstate(other), "rebuild": sqlstate(rebuild)}
    return [f"{who} ended with {code}" for who, code in codes.items() if code]


@pytest.mark.promise(9)
@by_level
@pytest.mark.parametrize("count", [1, 2])
def test_a_rebuild_holds_nothing_while_it_waits_for_transactions(
    store: Store, observer: Observer, level: IsolationLevel, count: int
) -> None:
    make_models(observer, [SYNC])
    for _ in range(3):
        assert wait_in_a_circle(store, observer, level, count) == []
    assert violations(store, observer, [SYNC]) == []


@pytest.mark.twin_of(9)
@by_level
def test_a_rebuild_that_holds_a_row_while_it_waits_is_caught(
    store: Store,
    observer: Observer,
    twin: Callable[[str], None],
    level: IsolationLevel,
) -> None:
    make_models(observer, [SYNC])
    twin("row_first_rebuild")
    found = first_violations(lambda: wait_in_a_circle(store, observer, level, 2))
    assert any("40P01" in each for each in found)


@by_level
@pytest.mark.parametrize("count", [1, 2])
def test_an_append_with_an_old_snapshot_does_not_fold_onto_what_a_hand_over_wrote(
    store: Store, observer: Observer, level: IsolationLevel, count: int
) -> None:
    make_models(observer, [SYNC])
    append(observer, ONE)
    observer.execute(PAUSE, [SYNC.name])
    append_event(observer, [Entry(ONE, 1, added(kind="Closed"))])
    with store.connect(level) as old:
        old.autocommit = False
        old.execute("select count(*) from evident.event_store")
        observer.execute(RESUME, [SYNC.name])
        observer.execute(RUN, [SYNC.name, 100])
        assert state(observer, SYNC) == "running"
        with pytest.raises(psycopg.errors.SerializationFailure):
            append(old, ONE, expected=2, count=count)
        old.rollback()
    assert violations(store, observer, [SYNC]) == []
