"""From runs to appends and back: pauses, new projections, two runners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from support.checkers.projections import drift
from support.clients.projection_steps import (
    ONE,
    PAUSE,
    RESUME,
    TWO,
    append,
    sqlstate,
    state,
)
from support.clients.projection_work import RUN, violations
from support.clients.store import Store
from support.clients.waiting import (
    Background,
    wait_until_blocked,
    wait_until_blocked_or_done,
)
from support.models.projection_models import (
    ASYNC_ACROSS,
    SYNC,
    SYNC_ACROSS,
    Model,
    make_models,
)
from support.seeds import FULL

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]


@pytest.mark.parametrize("model", [SYNC, SYNC_ACROSS], ids=lambda each: each.short)
def test_a_projection_goes_live_only_when_no_append_is_open(
    store: Store, observer: Observer, model: Model
) -> None:
    make_models(observer, [model])
    append(observer, TWO, "k")
    with store.connect() as running, store.connect() as open_, store.connect() as other:
        running.execute(PAUSE, [model.name])
        append(observer, TWO, "k")
        open_.execute("begin")
        append(open_, ONE, "k")
        running.execute(RESUME, [model.name])
        for _ in range(2):
            assert running.execute(RUN, [model.name, 100]).fetchone() in [(1,), (0,)]
            assert state(observer, model) == "catching_up"
            append(other, TWO, "k")
        # Another run waits a moment for the append, which ends in time.
        task = Background(lambda: running.execute(RUN, [model.name, 100]).fetchone())
        wait_until_blocked(observer, running)
        append_after = Background(lambda: append(other, TWO, "k"))
        wait_until_blocked_or_done(observer, other, append_after)
        open_.execute("commit")
        task.result()
        append_after.result()
        assert state(observer, model) in ("running", "catching_up")
        running.execute(RUN, [model.name, 100])
        assert state(observer, model) == "running"
        append(other, ONE, "k")
    assert violations(store, observer, [model]) == []


@pytest.mark.parametrize("ending", ["commit", "rollback"])
@pytest.mark.parametrize("model", [SYNC, SYNC_ACROSS], ids=lambda each: each.short)
def test_a_pause_waits_for_an_open_append_and_holds_back_the_next_one(
    store: Store, observer: Observer, model: Model, ending: str
) -> None:
    make_models(observer, [model])
    with store.connect() as pausing, store.connect() as open_, store.connect() as next_:
        open_.execute("begin")
        append(open_, ONE, "k")
        task = Background(lambda: pausing.execute(PAUSE, [model.name]))
        wait_until_blocked(observer, pausing)
        after = Background(lambda: append(next_, TWO, "k"))
        wait_until_blocked(observer, next_)
        open_.execute(ending)
        task.result()
        after.result()
    assert len(model.stored(observer)) == (ending == "commit")
    assert drift(observer, model.name) == []
    observer.execute(RESUME, [model.name])
    assert violations(store, observer, [model]) == []
    assert state(observer, model) == "running"


@pytest.mark.parametrize("call", ["pause", "drop"])
def test_who_would_hold_appends_back_for_long_gives_up(
    store: Store, observer: Observer, call: str
) -> None:
    make_models(observer, [SYNC])
    with (
        store.connect() as operator,
        store.connect() as open_,
        store.connect() as other,
    ):
        open_.execute("begin")
        append(open_, ONE)
        task = Background(
            lambda: operator.execute(
                f"select evident.{call}_projection(%s)".encode(), [SYNC.name]
            )
        )
        wait_until_blocked(observer, operator)
        after = Background(lambda: append(other, TWO))
        assert sqlstate(task) == "55P03"
        after.result()
        open_.execute("commit")
    assert state(observer, SYNC) == "running"
    assert violations(store, observer, [SYNC]) == []


def test_a_rebuild_gives_up_where_a_transaction_stays_open_and_changes_nothing(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    make_models(observer, [SYNC])
    if not FULL:
        twin("brief_rebuild")
    append(observer, ONE)
    lost = f"delete from {SYNC.name}"
    observer.execute(lost.encode())
    rebuild = "select evident.rebuild_projection(%s)"
    with store.connect() as operator, store.connect() as open_:
        open_.execute("begin")
        append(open_, TWO)
        with pytest.raises(psycopg.errors.LockNotAvailable, match="still open") as told:
            operator.execute(rebuild, [SYNC.name])
        assert "run the rebuild again" in (told.value.diag.message_hint or "")
        assert len(drift(observer, SYNC.name)) == 1
        open_.execute("commit")
        assert operator.execute(rebuild, [SYNC.name]).fetchone() == (1,)
    assert violations(store, observer, [SYNC]) == []


def test_a_second_runner_leaves_the_work_to_the_first(
    store: Store, observer: Observer
) -> None:
    make_models(observer, [ASYNC_ACROSS])
    append(observer, ONE, "k", count=3)
    with store.connect() as first, store.connect() as second:
        second.execute("set lock_timeout = '1ms'")
        first.execute("begin")
        assert first.execute(RUN, [ASYNC_ACROSS.name, 2]).fetchone() == (2,)
        assert second.execute(RUN, [ASYNC_ACROSS.name, 2]).fetchone() == (0,)
        first.execute("rollback")
        assert second.execute(RUN, [ASYNC_ACROSS.name, 2]).fetchone() == (2,)
    assert violations(store, observer, [ASYNC_ACROSS]) == []


@pytest.mark.parametrize("model", [SYNC, SYNC_ACROSS], ids=lambda each: each.short)
def test_a_projection_made_while_an_append_is_open_misses_nothing(
    store: Store, observer: Observer, model: Model
) -> None:
    make_models(observer, [])
    model.make(observer)
    with store.connect() as making, store.connect() as open_, store.connect() as next_:
        open_.execute("begin")
        append(open_, ONE, "k")
        task = Background(lambda: model.register(making))
        wait_until_blocked(observer, making)
        after = Background(lambda: append(next_, TWO, "k"))
        wait_until_blocked(observer, next_)
        open_.execute("commit")
        task.result()
        after.result()
    assert drift(observer, model.name) == []
    assert violations(store, observer, [model]) == []
    assert state(observer, model) == "running"


def test_one_of_many_creators_makes_the_projection(
    store: Store, observer: Observer
) -> None:
    make_models(observer, [])
    SYNC.make(observer)
    with store.connect() as first, store.connect() as second:
        first.execute("begin")
        SYNC.register(first)
        task = Background(lambda: SYNC.register(second))
        wait_until_blocked(observer, second)
        first.execute("commit")
        task.result()
    names = observer.execute("select name from evident.projection").fetchall()
    assert (SYNC.name,) in names
    append(observer, ONE, count=2)
    assert violations(store, observer, [SYNC]) == []
