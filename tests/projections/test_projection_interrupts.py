"""Promise 19 for projections: timeouts, cancels and crashes leave nothing half-done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.checkers.projections import drift
from support.clients.calls import Connection
from support.clients.interrupts import ADVISORY, CANCEL, lift_timeouts
from support.clients.projection_crashes import work_until_crash
from support.clients.projection_steps import ONE, PAUSE, RESUME, TWO, append, sqlstate
from support.clients.projection_work import REBUILD, RUN, violations
from support.clients.projection_writers import KEYS
from support.clients.store import LOGIN_SQL, Store
from support.clients.waiting import Background, is_true
from support.models.projection_models import (
    ALL,
    ASYNC_ACROSS,
    SYNC,
    SYNC_ACROSS,
    Model,
    make_models,
)
from support.seeds import scaled
from support.twins import install

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]

STEPS = scaled(25, 250)
CRASHES = scaled(2, 8)
STATE = """
select
    p.state,
    p.position,
    (
        select array_agg(t.tgenabled order by t.tgname)
        from pg_trigger as t
        where t.tgrelid = 'evident.event_store'::regclass
    ),
    (select count(*) from evident.projection_failure)
from evident.projection as p
where p.name = %s
"""
Call = tuple[str, list[Any]]


def everything(observer: Observer, model: Model) -> list[Any]:
    """Give all that a call could leave half-done."""
    state = observer.execute(STATE, [model.name]).fetchall()
    return [state, model.stored(observer)]


def interrupt(
    connection: Connection, observer: Observer, call: Call, how: str, delay: float
) -> str | None:
    """Make a call and interrupt it after so many seconds; give how it ended."""
    if how == "timeout":
        connection.execute(f"set statement_timeout = {max(1, round(delay * 1000))}")
    task = Background(lambda: connection.execute(*call))
    if how == "cancel":
        time.sleep(delay)
        observer.execute(CANCEL, [connection.info.backend_pid])
    outcome = sqlstate(task)
    lift_timeouts(connection)
    return outcome


def give_work(observer: Observer, rng: random.Random) -> None:
    """Append, so that there is something to do."""
    for aggregate in (ONE, TWO):
        append(observer, aggregate, *rng.sample(KEYS, 3), count=20)


@pytest.mark.parametrize("how", ["timeout", "cancel"])
@pytest.mark.parametrize(
    "model", [SYNC, SYNC_ACROSS, ASYNC_ACROSS], ids=lambda model: model.short
)
def test_an_interrupted_call_leaves_everything_as_it_was(
    store: Store, observer: Observer, rng: random.Random, model: Model, how: str
) -> None:
    make_models(observer, [model])
    calls: list[Call] = [
        (PAUSE, [model.name]),
        (RESUME, [model.name]),
        (RUN, [model.name, 1000]),
        (REBUILD, [model.name, 0, 1]),
        (REBUILD, [model.name, 1, 2]),
    ]
    usual = dict.fromkeys(range(len(calls)), 0.02)
    ends: set[str | None] = set()
    with store.connect() as connection:
        for step in range(STEPS):
            give_work(observer, rng)
            number = step % len(calls)
            before = everything(observer, model)
            started = time.monotonic()
            delay = rng.random() * usual[number]
            outcome = interrupt(connection, observer, calls[number], how, delay)
            if outcome is None:
                usual[number] = time.monotonic() - started
            ends.add(outcome)
            if outcome is not None:
                assert everything(observer, model) == before
            assert drift(observer, model.name) == []
            assert not is_true(observer, ADVISORY, connection.info.backend_pid)
    assert ends == {None, "57014"}
    observer.execute(RESUME, [model.name])
    assert violations(store, observer, [model]) == []


@pytest.fixture
def mortal(major: int) -> Iterator[Server]:
    """Give a durable server of this test's own."""
    with ephemeral(major, {"fsync": "on"}) as server:
        migrate(server.uri)
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
        yield server


def crash_and_check(
    mortal: Server,
    rng: random.Random,
    prepare: Callable[[Observer], None],
    crashes: int,
) -> list[str]:
    """Kill the server under writers, runners and rebuilds, and name what is wrong."""
    database = Database("postgres", mortal)
    store, found = Store(database), []
    try:
        with database.connect(autocommit=True) as observer:
            make_models(observer, ALL)
            prepare(observer)
        for _ in range(crashes):
            work_until_crash(store, mortal, rng, events=100)
            mortal.start()
            with database.connect(autocommit=True) as observer:
                found += [each for model in ALL for each in drift(observer, model.name)]
            if found:
                return found
        with database.connect(autocommit=True) as observer:
            found += violations(store, observer, ALL)
    finally:
        database.close()
    return found


@pytest.mark.faults
def test_projections_are_what_their_events_say_after_each_crash(
    mortal: Server, rng: random.Random
) -> None:
    assert crash_and_check(mortal, rng, lambda observer: None, CRASHES) == []


@pytest.mark.twin_of(8)
def test_a_checkpoint_of_its_own_is_caught_by_a_crash(
    mortal: Server, rng: random.Random
) -> None:
    assert crash_and_check(
        mortal, rng, lambda observer: install(observer, "own_checkpoint"), 10
    )
