"""Promise 34: whatever waits for an application, appends do not wait with it for long.

Appends to other aggregates go on beside each function that stops appends for a moment,
while an application keeps a row or the table of the read model locked, or an append
open. Each append has to end within a bound, whatever becomes of the function.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
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
from support.clients.projection_work import REBUILD, RUN, violations
from support.clients.store import Store
from support.clients.waiting import Background, wait_until_blocked
from support.models.projection_models import SYNC, make_models

pytestmark = pytest.mark.promise(34)

Observer = psycopg.Connection[Any]

# Seconds. The longest wait for a lock is 1.2; the rest is for a busy machine.
BOUND = 4.0
WRONG = f"update {SYNC.name} set n = 7 where key = %s"
ROW = f"select from {SYNC.name} where key = %s for update"


@dataclass(frozen=True)
class Hold:
    """What an application does in a transaction that stays open; may it be prepared?"""

    name: str
    statement: str
    is_prepared: bool = False


HOLDS = [
    Hold("row", ROW),
    Hold("written row", f"update {SYNC.name} set n = 8 where key = %s"),
    Hold("prepared", ROW, is_prepared=True),
    # As a VACUUM has it.
    Hold(
        "table",
        f"lock table {SYNC.name} in share update exclusive mode",
    ),
]


def prepare(observer: Observer) -> None:
    """Make the read model, with a row that is wrong."""
    make_models(observer, [SYNC])
    append(observer, ONE)
    observer.execute(WRONG.encode(), [ONE])
    assert len(drift(observer, SYNC.name)) == 1


def take(observer: Observer, application: psycopg.Connection[Any], hold: Hold) -> str:
    """Lock; name the holder as an error does."""
    application.execute("set application_name = 'the shop'")
    application.execute("begin")
    application.execute(
        hold.statement.encode(), [ONE] if "%s" in hold.statement else None
    )
    if not hold.is_prepared:
        return f"session {application.info.backend_pid} (the shop)"
    application.execute("prepare transaction 'held'")
    return "prepared transaction 'held'"


def let_go(application: psycopg.Connection[Any], hold: Hold) -> None:
    application.execute("rollback prepared 'held'" if hold.is_prepared else "rollback")


def slowest_append(store: Store, until: Callable[[], bool]) -> float:
    """Append to other aggregates until something is over; the longest time it took.

    An append that waits for longer than the bound is cancelled.
    """
    slowest = 0.0
    with store.connect() as connection:
        connection.execute(f"set statement_timeout = '{BOUND:.0f}s'".encode())
        while not until() and slowest < BOUND:
            began = time.monotonic()
            try:
                append(connection, TWO)
            except psycopg.errors.QueryCanceled:
                return BOUND
            slowest = max(slowest, time.monotonic() - began)
    return slowest


@pytest.mark.parametrize("hold", HOLDS, ids=lambda hold: hold.name)
def test_a_rebuild_beside_a_lock_of_an_application_gives_up_and_appends_go_on(
    store: Store,
    observer: Observer,
    twin: Callable[[str], None],
    hold: Hold,
    figures: Figures,
) -> None:
    prepare(observer)
    twin("brief_rebuild")
    with store.connect() as operator, store.db.connect(autocommit=True) as application:
        holder = take(observer, application, hold)
        task = Background(lambda: operator.execute(REBUILD, [SYNC.name, 0, 1]))
        slowest = slowest_append(store, task.is_done)
        with pytest.raises(psycopg.errors.LockNotAvailable) as told:
            task.result()
        assert holder in (told.value.diag.message_hint or "")
        assert "nothing was changed" in (told.value.diag.message_hint or "")
        assert len(drift(observer, SYNC.name)) == 1
        let_go(application, hold)
        assert operator.execute(REBUILD, [SYNC.name, 0, 1]).fetchone() == (1,)
    assert slowest < BOUND
    assert violations(store, observer, [SYNC]) == []
    figures.worst(slowest_append_seconds=slowest)


@pytest.mark.twin_of(34)
def test_a_rebuild_that_waits_for_a_row_with_all_appends_behind_it_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    prepare(observer)
    twin("patient_rebuild")
    with store.connect() as operator, store.db.connect(autocommit=True) as application:
        take(observer, application, HOLDS[0])
        task = Background(lambda: operator.execute(REBUILD, [SYNC.name, 0, 1]))
        slowest = slowest_append(store, task.is_done)
        let_go(application, HOLDS[0])
        task.result()
    assert slowest >= BOUND


def test_a_rebuild_waits_for_an_application_that_is_soon_over(
    store: Store, observer: Observer
) -> None:
    prepare(observer)
    with store.connect() as operator, store.db.connect(autocommit=True) as application:
        take(observer, application, HOLDS[0])
        task = Background(lambda: operator.execute(REBUILD, [SYNC.name, 0, 1]))
        wait_until_blocked(observer, operator)
        let_go(application, HOLDS[0])
        assert task.result().fetchone() == (1,)
    assert violations(store, observer, [SYNC]) == []


CALLS = {
    "pause": PAUSE,
    "drop": "select evident.drop_projection(%s)",
    "go live": RUN,
    "rebuild and go live": REBUILD,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("held", ["row", "open append"])
def test_what_stops_appends_for_a_moment_does_so_beside_any_transaction(
    store: Store, observer: Observer, twin: Callable[[str], None], call: str, held: str
) -> None:
    make_models(observer, [SYNC])
    append(observer, ONE)
    if "live" in call:
        observer.execute(PAUSE, [SYNC.name])
        # The row that is locked has to be written.
        append(observer, ONE if held == "row" else TWO)
        observer.execute(RESUME, [SYNC.name])
    twin("brief_rebuild")
    parameters: list[Any] = [SYNC.name]
    parameters += {RUN: [100], REBUILD: [0, 1]}.get(CALLS[call], [])
    with store.connect() as operator, store.db.connect(autocommit=True) as application:
        operator.execute("set lock_timeout = '3s'")
        application.execute("begin")
        if held == "row":
            application.execute(ROW.encode(), [ONE])
        else:
            append(application, ONE)
        task = Background(lambda: operator.execute(CALLS[call].encode(), parameters))
        slowest = slowest_append(store, task.is_done)
        outcome = sqlstate(task)
        application.execute("rollback")
    assert slowest < BOUND
    assert outcome in (None, "55P03"), outcome
    if call != "drop":
        observer.execute(RESUME, [SYNC.name])
        assert violations(store, observer, [SYNC]) == []
        assert state(observer, SYNC) == "running"
