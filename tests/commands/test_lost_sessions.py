"""Promise 35: commands that work in steps live longer than their sessions."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from support.checkers.ledger import ledger_violations
from support.clients.feed_work import append_some
from support.clients.programs import finish, start
from support.clients.store import Store
from support.clients.waiting import is_true
from support.models.projection_models import Model, differences, make_models

Observer = psycopg.Connection[Any]

pytestmark = [pytest.mark.promise(35), pytest.mark.once]

MODEL = Model("lasting", "async")

IS_AT_WORK = """
exists (
    select
    from pg_stat_activity as a
    where a.application_name = %s and strpos(a.query, %s) > 0
)
"""
TERMINATE = """
select count(pg_terminate_backend(a.pid, 5000))
from pg_stat_activity as a
where a.application_name = %s
"""
# What keeps each command from its end while its sessions are ended.
HELD = {
    "seal": "select from evident.log_identity for update",
    "rebuild": "lock table races.lasting",
    "drift": "lock table races.lasting",
}
# What it says then.
STEP = {"seal": "h.last_event_id", "rebuild": "rebuild_", "drift": "verify_projection"}
WORDS = {
    "seal": ["seal"],
    "rebuild": ["rebuild", "--all", "--parallel", "2"],
    "drift": ["drift"],
}
IMPATIENT = "from pg_evident.steps import lasting\nlasting.PATIENCE = -1.0"
FORGETFUL = """
from pg_evident.projections import drift
drift._DRIFT = drift._DRIFT.replace(
    'v.key > %s::text collate "C"', '%s::text is null or true'
)
"""
# More than a pipe and a socket hold, so that the command stands in the middle.
ROWS = 6_000


@pytest.fixture
def ready(store: Store, observer: Observer) -> Store:
    """Give a store with a read model of which every row is as it was folded."""
    make_models(observer, [MODEL])
    append_some(store, 20)
    observer.execute("select evident.run_projection(%s, 1000)", [MODEL.name])
    return store


@contextlib.contextmanager
def holding(store: Store, statement: str) -> Iterator[None]:
    with psycopg.connect(store.db.dsn) as connection:
        connection.execute(statement.encode())
        yield
        connection.rollback()


def run_interrupted(
    store: Store, observer: Observer, command: str, broken: str = ""
) -> tuple[int, str]:
    """Run a command whose sessions end three times while it waits; code and errors."""
    name = f"evident {command}"
    with holding(store, HELD[command]):
        process = start(store, *WORDS[command], broken=broken)
        try:
            for _ in range(3):
                while not is_true(observer, IS_AT_WORK, name, STEP[command]):
                    if process.poll() is not None:
                        break
                    time.sleep(0.01)
                observer.execute(TERMINATE, [name])
        except BaseException:
            process.kill()
            print(finish(process))
            raise
    code, _, err = finish(process)
    return code, err


@pytest.mark.parametrize("command", HELD)
def test_a_command_lives_longer_than_its_sessions(
    ready: Store, observer: Observer, command: str
) -> None:
    if command == "rebuild":
        observer.execute("update races.lasting set n = 77")

    code, err = run_interrupted(ready, observer, command)

    assert code == 0, err
    assert "connection lost, going on" in err
    assert differences(ready.db, MODEL) == []
    if command == "seal":
        assert ledger_violations(observer) == []


@pytest.mark.twin_of(35)
@pytest.mark.parametrize("command", HELD)
def test_one_that_does_not_is_caught(
    ready: Store, observer: Observer, command: str
) -> None:
    code, err = run_interrupted(ready, observer, command, broken=IMPATIENT)

    assert code != 0
    assert "going on" not in err


def shown(store: Store, observer: Observer, broken: str = "") -> list[str]:
    """Show the drift of every row, and end the session in the middle; the keys."""
    process = start(store, "drift", "--json", broken=broken, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline()]
        assert observer.execute(TERMINATE, ["evident drift"]).fetchone() == (1,)
        lines += process.stdout.readlines()
    finally:
        code, _, err = finish(process)
    assert code == 1, err
    assert "connection lost, going on" in err
    return [json.loads(each)["key"] for each in lines]


@pytest.fixture
def drifted(store: Store, observer: Observer) -> Store:
    """Give a store with a read model of rows that no event has made."""
    make_models(observer, [MODEL])
    observer.execute(
        """
        insert into races.lasting (key, n, last, chain)
        select gen_random_uuid(), n, n, repeat('x', 200)
        from generate_series(1, %s) as n
        """,
        [ROWS],
    )
    return store


def test_drift_shows_each_row_once_over_two_sessions(
    drifted: Store, observer: Observer
) -> None:
    keys = shown(drifted, observer)

    assert len(keys) == ROWS
    assert keys == sorted(set(keys))


@pytest.mark.twin_of(35)
def test_drift_that_begins_anew_is_caught(drifted: Store, observer: Observer) -> None:
    keys = shown(drifted, observer, broken=FORGETFUL)

    assert len(keys) > ROWS
