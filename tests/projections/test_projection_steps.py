"""Appends, rebuilds and operators of projections, stepped by hand."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from support.checkers.projections import drift
from support.clients.calls import Entry, Event, append_batch, append_events
from support.clients.projection_steps import LEVELS, ONE, TWO, added, append, sqlstate
from support.clients.projection_work import REBUILD, RUN, violations
from support.clients.store import Store
from support.clients.waiting import Background, together, wait_until_blocked
from support.models.projection_models import (
    ASYNC_ACROSS,
    SYNC,
    SYNC_ACROSS,
    Model,
    differences,
    make_models,
)

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]


def append_while_a_rebuild_holds_its_lock(
    store: Store, observer: Observer, model: Model, count: int
) -> list[str]:
    """Let an append insert, wait for a rebuild that repairs its row, and fold then."""
    append(observer, ONE, "k", count=3)
    observer.execute(f"update races.{model.short} set n = -1".encode())
    with store.connect() as rebuilding, store.connect() as appending:
        rebuilding.execute("begin")
        assert rebuilding.execute(REBUILD, [model.name, 0, 1]).fetchone() == (1,)
        task = Background(lambda: append(appending, ONE, "k", expected=3, count=count))
        wait_until_blocked(observer, appending)
        rebuilding.execute("commit")
        task.result()
    return drift(observer, model.name) + differences(store.db, model)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("model", [SYNC, SYNC_ACROSS], ids=lambda each: each.short)
def test_an_append_that_waited_for_a_rebuild_folds_onto_the_repaired_row(
    store: Store, observer: Observer, model: Model, count: int
) -> None:
    make_models(observer, [model])
    found = append_while_a_rebuild_holds_its_lock(store, observer, model, count)
    assert found == []


@pytest.mark.twin_of(8)
@pytest.mark.parametrize("count", [1, 4])
def test_an_append_that_reads_before_it_waits_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None], count: int
) -> None:
    make_models(observer, [SYNC])
    twin("early_read")
    assert append_while_a_rebuild_holds_its_lock(store, observer, SYNC, count)


def test_a_rebuild_never_folds_beyond_the_checkpoint_it_leaves(
    store: Store, observer: Observer
) -> None:
    """The safe position can go back: a writer may be slow to announce itself."""
    make_models(observer, [ASYNC_ACROSS])
    append(observer, ONE, "k", count=5)
    with (
        store.connect() as running,
        store.connect() as rebuilding,
        store.connect() as late,
    ):
        running.execute("begin")
        running.execute(RUN, [ASYNC_ACROSS.name, 1])
        task = Background(
            lambda: rebuilding.execute(REBUILD, [ASYNC_ACROSS.name, 0, 1])
        )
        wait_until_blocked(observer, rebuilding)
        # What a writer does that looked at the sequence when two ids were drawn.
        late.execute("begin")
        late.execute("select pg_advisory_xact_lock_shared((17750::bigint << 48) | 2)")
        running.execute("rollback")
        task.result()
        late.execute("commit")
    assert violations(store, observer, [ASYNC_ACROSS]) == []


def test_a_rebuild_leaves_out_what_was_skipped_meanwhile(
    store: Store, observer: Observer
) -> None:
    make_models(observer, [ASYNC_ACROSS])
    bad = Event("Added", {"keys": ["k"], "bad": True})
    append_events(observer, [Entry(ONE, 0, (*added("k"), bad, *added("k")))])
    observer.execute(RUN, [ASYNC_ACROSS.name, 100])
    ASYNC_ACROSS.repair(observer)
    with store.connect() as skipping, store.connect() as rebuilding:
        skipping.execute("begin")
        skipping.execute(
            "select evident.skip_failure(%s, 'k', 'tester', 'a test')",
            [ASYNC_ACROSS.name],
        )
        task = Background(
            lambda: rebuilding.execute(REBUILD, [ASYNC_ACROSS.name, 0, 1])
        )
        wait_until_blocked(observer, rebuilding)
        skipping.execute("commit")
        assert sqlstate(task) in (None, "40001")
    assert drift(observer, ASYNC_ACROSS.name) == []


@pytest.mark.parametrize("call", ["retry", "skip"])
@pytest.mark.parametrize("level", LEVELS, ids=lambda each: each.name)
def test_what_waits_for_a_parked_key_is_folded_at_read_committed_only(
    store: Store, observer: Observer, level: IsolationLevel, call: str
) -> None:
    make_models(observer, [ASYNC_ACROSS])
    bad = Event("Added", {"keys": ["k"], "bad": True})
    append_events(observer, [Entry(ONE, 0, (bad,))])
    observer.execute(RUN, [ASYNC_ACROSS.name, 100])
    ASYNC_ACROSS.repair(observer)
    statement = {
        "retry": "select evident.retry_failure(%s, 'k')",
        "skip": "select evident.skip_failure(%s, 'k', 'tester', 'a test')",
    }[call]
    with store.connect() as old:
        old.execute(f"begin isolation level {level.name.replace('_', ' ')}".encode())
        old.execute("select count(*) from evident.projection")
        append(observer, ONE, "k")
        observer.execute(RUN, [ASYNC_ACROSS.name, 100])
        with pytest.raises(psycopg.Error) as refused:
            old.execute(statement, [ASYNC_ACROSS.name])
        assert refused.value.sqlstate == "PT400"
        old.execute("rollback")
        old.execute(statement, [ASYNC_ACROSS.name])
    assert drift(observer, ASYNC_ACROSS.name) == []


def test_an_earlier_id_that_comes_later_is_refused_and_its_retry_folded(
    store: Store, observer: Observer
) -> None:
    make_models(observer, [SYNC_ACROSS])
    with store.connect() as early, store.connect() as late:
        # Draws id 2 and waits for the key j; meanwhile id 3 gets the key k.
        late.execute("begin")
        append(late, TWO, "j")
        early.execute("begin")
        task = Background(lambda: append(early, ONE, "j", "k"))
        wait_until_blocked(observer, early)
        append(late, TWO, "k")
        late.execute("commit")
        assert sqlstate(task) == "40001"
        early.execute("rollback")
        append(early, ONE, "j", "k")
    assert violations(store, observer, [SYNC_ACROSS]) == []


@pytest.mark.parametrize("level", LEVELS, ids=lambda each: each.name)
def test_keys_across_aggregates_are_kept_at_read_committed_only(
    store: Store, observer: Observer, level: IsolationLevel
) -> None:
    make_models(observer, [SYNC_ACROSS])
    with store.connect(level) as connection:
        connection.autocommit = False
        for count in (1, 3):
            with pytest.raises(psycopg.Error) as refused:
                append(connection, ONE, "k", count=count)
            connection.rollback()
            assert refused.value.sqlstate == "PT400"
            detail = json.loads(refused.value.diag.message_detail or "")
            assert detail["argument"] == "transaction_isolation"


def test_batches_over_the_same_keys_in_opposite_orders_never_deadlock(
    store: Store, observer: Observer
) -> None:
    make_models(observer, [SYNC_ACROSS])

    def batches(keys: list[str]) -> set[str | None]:
        outcomes = set()
        with store.connect() as connection:
            for _ in range(60):
                entries = [Entry(uuid.uuid4(), 0, added(key)) for key in keys]
                try:
                    append_batch(connection, entries)
                    outcomes.add("ok")
                except psycopg.Error as error:
                    outcomes.add(str(error.sqlstate))
        return outcomes

    keys = [f"k{n}" for n in range(8)]
    ends = together([lambda: batches(keys), lambda: batches(keys[::-1])] * 2)
    assert set().union(*ends) <= {"ok", "40001"}
    assert violations(store, observer, [SYNC_ACROSS]) == []
