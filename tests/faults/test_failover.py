"""Promise 16: a failover loses nothing that was acknowledged synchronously."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import psycopg
import pytest

from conftest import Database
from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.clients.held import Held
from support.clients.store import Store
from support.clients.workload import Workload
from support.seeds import scaled
from support.servers.clusters import store_on_its_own
from support.servers.failover import Moving, moving

pytestmark = [pytest.mark.promise(16), pytest.mark.faults]

PROMOTIONS = scaled(2, 20)
EVENTS = scaled(100, 200)


@pytest.fixture
def home(major: int) -> Iterator[Database]:
    """Give a store on a server of this test's own."""
    with store_on_its_own(major) as database:
        yield database


def fail_over_under_load(store: Moving, work: Workload, promotions: int) -> None:
    """Kill the primary again and again under load, every other time a starved one."""
    try:
        fail_over(store, work, promotions)
    finally:
        # Whatever went wrong, nobody may wait for a standby that does not come.
        with contextlib.suppress(psycopg.OperationalError):
            store.require("")


def fail_over(store: Moving, work: Workload, promotions: int) -> None:
    held: list[Held] = []
    for number in range(promotions):
        store.attach()
        while held:
            held.pop().commit()
        work.wait_for(EVENTS)
        if store.is_synchronous:
            held.append(Held(work, f"held {number}"))
        if number % 2 or not store.is_synchronous:
            goal = work.events + 50
            store.starve(lambda goal=goal: work.events >= goal)
        store.fail_over()
        for each in held:
            each.check()
    store.require("")
    while held:
        held.pop().commit()
    work.wait_for(EVENTS)


def test_no_acknowledged_event_is_lost_in_synchronous_failovers(
    home: Database, rng: random.Random, figures: Figures
) -> None:
    store = Store(home)
    work = Workload(store, rng)
    with moving(home) as moved:
        with work.running():
            fail_over_under_load(moved, work, PROMOTIONS)
        print(work.outcomes(), work.others, work.events, moved.seconds)
        assert work.violations() == []
    figures.add(
        promotions=moved.promotions,
        acknowledged_events=work.events,
        lost_events=0,
        transactions_without_an_answer=work.unanswered(),
    )
    figures.worst(seconds_from_kill_to_promoted=round(max(moved.seconds), 2))


@pytest.mark.twin_of(16, name="an asynchronous standby that is called synchronous")
def test_an_asynchronous_standby_called_synchronous_is_caught(
    home: Database, rng: random.Random
) -> None:
    store = Store(home)
    # Readers would be told that events they have seen are gone.
    work = Workload(store, rng, readers=0, workers=0)

    with moving(home, is_synchronous=False) as moved:

        def check() -> list[str]:
            with work.running():
                fail_over_under_load(moved, work, 1)
            return work.history_violations(
                [e for e in store.log() if e.operation is not None]
            )

        found = first_violations(check)
    assert any("acknowledged, but not stored" in each for each in found)
