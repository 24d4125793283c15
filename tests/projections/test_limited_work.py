"""Work under limits: a timeout of the role's, and rows that an application has locked.

A batch that is ended by a limit is tried again with half as much, so it gets through.
What one projection waits for stops neither the others nor the sealer.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from support.checkers.projections import drift
from support.clients.feed_work import append_some
from support.clients.programs import finish, login_dsn, running, start_at
from support.clients.store import Store
from support.clients.waiting import wait_for
from support.models.worker_models import (
    DIGITS,
    IS_FOLDED,
    LATER,
    break_fold,
    create_read_models,
    repair_fold,
)
from support.seeds import scaled

pytestmark = pytest.mark.once

Observer = psycopg.Connection[Any]

# Milliseconds that one statement may take.
LIMIT = 300
SLOW = "perform pg_sleep(0.003);"
# Of three events each: half of them take longer than the limit, whichever half it is.
AGGREGATES = scaled(120, 200)
IS_SEALED = "(select s.unsealed_events = 0 from evident.ledger_status as s)"
# A timeout as any other failure, as it was once.
STUBBORN = "import pg_evident.projections.steps as w; w.is_too_much = lambda _: False"


def limited(store: Store, limit: int = LIMIT) -> str:
    """Give the URI of the ordinary login with a statement_timeout."""
    return f"{login_dsn(store)}&options=-c%20statement_timeout%3D{limit}"


def once(store: Store, broken: str = "") -> tuple[int, str]:
    """Work under the limit until all is done; give the exit code and what it said."""
    code, _, err = finish(start_at(limited(store), "work", "--once", broken=broken))
    return code, err


@pytest.mark.promise(19)
def test_a_worker_takes_less_at_once_until_it_is_quick_enough(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    create_read_models(observer, LATER)
    append_some(store, AGGREGATES)
    break_fold(observer, LATER, SLOW)
    twin("tiring_seal")
    code, err = once(store)
    assert code == 0, err
    assert f"{LATER}: 57014" in err and "again at once, 500 events at most" in err
    assert "seal: 57014" in err and "again at once, 25,000 events at most" in err
    wait_for(observer, f"{IS_SEALED} and {IS_FOLDED}")
    repair_fold(observer, LATER, SLOW)
    assert drift(observer) == []


@pytest.mark.twin_of(19)
def test_a_worker_that_always_takes_as_much_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    append_some(store, 20)
    twin("tiring_seal")
    code, err = once(store, STUBBORN)
    assert code == 1, err
    row = observer.execute("select s.leaves from evident.ledger_status as s").fetchone()
    assert row == (0,)


@pytest.mark.promise(19)
def test_a_seal_takes_less_at_once_until_it_is_quick_enough(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    append_some(store, 20)
    twin("tiring_seal")
    code, _, err = finish(start_at(limited(store, 1_000), "seal"))
    assert code == 0, err
    assert "25,000 events at most" in err
    wait_for(observer, IS_SEALED)


@pytest.mark.promise(9)
def test_a_rebuild_is_cut_into_smaller_slices_until_each_is_quick_enough(
    store: Store, observer: Observer
) -> None:
    create_read_models(observer, LATER)
    append_some(store, AGGREGATES)
    assert finish(start_at(login_dsn(store), "work", "--once", "--no-seal"))[0] == 0
    observer.execute("update folds.later set trail = 'x'")
    break_fold(observer, LATER, SLOW)
    code, _, err = finish(start_at(limited(store), "rebuild", LATER, "--slices", "2"))
    assert code == 0, err
    assert "57014" in err and "1 of 2 becomes two" in err
    slices = "select sum(1.0 / b.slices)::float8 from evident.projection_rebuild as b"
    assert observer.execute(slices).fetchone() == (1.0,)
    stale = "select s.is_stale from evident.projection_status as s where s.name = %s"
    assert observer.execute(stale, [LATER]).fetchone() == (False,)
    repair_fold(observer, LATER, SLOW)
    assert drift(observer) == []


@pytest.mark.promise(34)
def test_a_projection_that_waits_for_a_row_stops_nothing_else(
    store: Store, observer: Observer
) -> None:
    create_read_models(observer, LATER, DIGITS)
    append_some(store, 10)
    with (
        store.db.connect(autocommit=True) as application,
        running(store, "work", "--interval", "0.05", "--seal-interval", "0.1") as work,
    ):
        wait_for(observer, IS_FOLDED)
        application.execute("set application_name = 'the shop'")
        application.execute("begin")
        application.execute("select from folds.later for update")
        append_some(store, 10)
        # The others are new: this one has a row that is locked.
        observer.execute(
            "select evident.append_event("
            "l.aggregate_id, 'Noted', '{}', l.events::integer)"
            " from folds.later as l order by l.aggregate_id limit 1"
        )
        others = IS_FOLDED.replace("where", f"where s.name <> '{LATER}' and")
        wait_for(observer, f"{IS_SEALED} and {others}")
        stamp = "(select s.position >= f.head from evident.feed_stamp as s)"
        wait_for(
            observer,
            stamp.replace("f.head", "(select max(id) from evident.event_store)"),
        )
        line = ""
        assert work.stderr is not None
        while "(the shop)" not in line:
            line = work.stderr.readline()
            assert line
        assert "55P03" in line and LATER in line and "again in" in line
        application.execute("rollback")
        wait_for(observer, IS_FOLDED)
        work.send_signal(signal.SIGTERM)
        assert finish(work)[0] == 0
    assert drift(observer) == []
