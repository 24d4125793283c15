"""Appends, rebuilds and operators of projections, stepped by hand."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel
from support.calls import (
    Connection,
    Entry,
    Event,
    append_event,
    append_events,
)
from support.projection_models import (
    ASYNC_ACROSS,
    SYNC,
    SYNC_ACROSS,
    Model,
    differences,
    drift,
    make_models,
)
from support.projection_work import REBUILD, RUN, violations
from support.store import Store
from support.waiting import Background, wait_until_blocked

Observer = psycopg.Connection[Any]

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
STATE = "select state from evident.projection where name = %s"
PAUSE = "select evident.pause_projection(%s)"
RESUME = "select evident.resume_projection(%s)"


def added(*keys: str, kind: str = "Added", count: int = 1) -> tuple[Event, ...]:
    return (Event(kind, {"keys": list(keys)}),) * count


def append(
    connection: Connection,
    aggregate: uuid.UUID = ONE,
    *keys: str,
    expected: int | None = None,
    count: int = 1,
) -> None:
    """Append one event, or more with one call, that touch these keys."""
    function = append_event if count == 1 else append_events
    function(connection, [Entry(aggregate, expected, added(*keys, count=count))])


def state(observer: Observer, model: Model) -> str:
    row = observer.execute(STATE, [model.name]).fetchone()
    assert row is not None
    return str(row[0])


def sqlstate(task: Background[Any]) -> str | None:
    """Wait for a task and give how it was refused, None when it was not."""
    try:
        task.result()
    except psycopg.Error as error:
        return error.sqlstate
    return None


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
    return drift(observer, model) + differences(store.db, model)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("model", [SYNC, SYNC_ACROSS], ids=lambda each: each.short)
def test_an_append_that_waited_for_a_rebuild_folds_onto_the_repaired_row(
    store: Store, observer: Observer, model: Model, count: int
) -> None:
    make_models(observer, [model])
    found = append_while_a_rebuild_holds_its_lock(store, observer, model, count)
    assert found == []


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
    assert drift(observer, ASYNC_ACROSS) == []


@pytest.mark.parametrize("call", ["retry", "skip"])
@pytest.mark.parametrize("level", list(IsolationLevel)[2:], ids=lambda each: each.name)
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
    assert drift(observer, ASYNC_ACROSS) == []
