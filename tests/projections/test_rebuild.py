"""A rebuild repairs read models in service, and can be ended at any moment."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.projections import rebuild as rebuilding
from pg_evident.server.temporary import ephemeral
from pg_evident.steps.lasting import Lasting
from support.checkers.projections import drift
from support.clients.calls import Entry, append_event, events_of
from support.clients.feed_work import append_some, in_background, writing
from support.clients.feed_writers import Progress
from support.clients.programs import finish, run, running, start
from support.clients.store import LOGIN_SQL, Store
from support.clients.waiting import is_true, wait_for
from support.models.worker_models import (
    DIGITS,
    IS_FOLDED,
    LATER,
    LIVE,
    break_fold,
    create_read_models,
    repair_fold,
)
from support.seeds import scaled

pytestmark = [pytest.mark.promise(9), pytest.mark.once]

Observer = psycopg.Connection[Any]

KILLS = scaled(3, 20)
# Of those a sixteenth is spoiled in each of two read models.
AGGREGATES = scaled(250, 500)
SLICES = scaled(3, 7)
REBUILDS = "a.application_name = 'evident rebuild' and a.datname = current_database()"
IS_REBUILDING = f"""
exists (
    select
    from pg_stat_activity as a
    where {REBUILDS} and a.state = 'active' and a.query ~ 'rebuild_projection'
)
"""
PIDS = f"select a.pid from pg_stat_activity as a where {REBUILDS}"
SLOW = "perform pg_sleep(0.01);"
# A tenth of the rows changed, one removed, and one that no event has made.
SPOILED = """
update folds.live as l set events = l.events + 1 where l.aggregate_id::text like '1%';
update folds.later as l set trail = 'x' where l.aggregate_id::text like '2%';
delete from folds.live where aggregate_id = (select l.aggregate_id from folds.live as l
    order by 1 limit 1);
insert into folds.later (aggregate_id, events, trail)
values ('00000000-0000-0000-0000-000000000000', 1, '');
delete from folds.digits where digit = '3';
"""


@pytest.fixture
def spoiled(store: Store, observer: Observer) -> Store:
    """Give a store whose read models are folded, and then wrong."""
    spoil(store, observer)
    return store


def spoil(store: Store, observer: Observer) -> None:
    create_read_models(observer)
    append_some(store, AGGREGATES)
    assert run(store, "work", "--once", "--no-seal")[0] == 0
    observer.execute(SPOILED)
    assert len(drift(observer)) > 10


def table_of(out: str) -> dict[str, list[str]]:
    """Read the printed table: slices, rows written, seconds, longest lock."""
    head, *rows = (line.split() for line in out.splitlines())
    assert " ".join(head) == "projection slices rows written seconds longest lock"
    return {row[0]: row[1:] for row in rows}


@contextlib.contextmanager
def appending_to_what_is_wrong(
    store: Store, observer: Observer, rng: random.Random
) -> Iterator[Progress]:
    """Append to aggregates whose rows have to be repaired, until the block ends."""
    query = "select l.aggregate_id from folds.live as l where l.events > 3"
    wrong = [key for (key,) in observer.execute(query)]
    progress = Progress(1_000_000)

    def append(seed: int) -> None:
        own = random.Random(seed)
        with store.connect() as connection:
            while not progress.is_over():
                entry = Entry(own.choice(wrong), None, events_of("hot", 1))
                append_event(connection, [entry])
                progress.add(1)
                # Often is enough: each costs whoever folds and whoever compares.
                time.sleep(0.002)

    tasks = in_background(append, rng, 2)
    try:
        yield progress
    finally:
        progress.stop()
    for each in tasks:
        each.result()


def rebuild_in_service(store: Store, observer: Observer, rng: random.Random) -> str:
    """Rebuild all, while others append and a worker folds; give the printed table."""
    with (
        running(store, "work"),
        writing(store, rng),
        appending_to_what_is_wrong(store, observer, rng) as progress,
    ):
        progress.wait_for(0.0001)
        before = progress.committed
        words = ["--all", "--parallel", "3", "--slices", str(SLICES)]
        code, out, err = run(store, "rebuild", *words)
        assert code == 0, err
        assert progress.committed > before
    return out


def test_a_rebuild_repairs_while_appends_and_workers_go_on(
    spoiled: Store, observer: Observer, rng: random.Random
) -> None:
    wrong = len(drift(observer))
    out = rebuild_in_service(spoiled, observer, rng)
    assert drift(observer) == []
    table = table_of(out)
    assert {name: row[0] for name, row in table.items()} == dict.fromkeys(
        [LIVE, LATER, DIGITS, "shop.orders_summary"], str(SLICES)
    )
    assert sum(int(row[1]) for row in table.values()) >= wrong
    assert all(0 <= float(row[3]) < 5 for row in table.values())


@pytest.mark.twin_of(9)
def test_a_rebuild_that_does_not_stop_appends_for_its_last_step_is_caught(
    spoiled: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
) -> None:
    twin("slow_unlocked_rebuild")
    rebuild_in_service(spoiled, observer, rng)
    assert [each for each in drift(observer) if each.startswith(LIVE)] != []


@pytest.mark.faults
def test_a_rebuild_whose_client_is_killed_can_be_run_again(
    spoiled: Store, observer: Observer, rng: random.Random
) -> None:
    with writing(spoiled, rng):
        for _ in range(KILLS):
            words = ["rebuild", "--all", "--parallel", "2", "--slices", "9"]
            process = start(spoiled, *words)
            wait_for(observer, IS_REBUILDING)
            time.sleep(rng.random() * 0.1)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        code, _, err = run(spoiled, "rebuild", "--all", "--parallel", "2")
        assert code == 0, err
    assert drift(observer) == []


@pytest.mark.faults
def test_a_rebuild_whose_server_process_is_killed_can_be_run_again(
    mortal: Store, rng: random.Random
) -> None:
    server = mortal.db.server
    with connect(server.uri, autocommit=True) as observer:
        spoil(mortal, observer)
    interrupted = 0
    for _ in range(KILLS):
        with connect(server.uri, autocommit=True) as observer:
            process = start(mortal, "rebuild", "--all", "--slices", "9")
            wait_for(observer, IS_REBUILDING)
            time.sleep(rng.random() * 0.05)
            for (pid,) in observer.execute(PIDS):
                os.kill(pid, signal.SIGKILL)
                break
        code, _, err = finish(process)
        assert code == 0, err
        interrupted += "connection lost, going on" in err
        wait_until_up(mortal)
        append_some(mortal, 10)
    assert interrupted > 0
    code, _, err = run(mortal, "rebuild", "--all")
    assert code == 0, err
    with connect(server.uri, autocommit=True) as observer:
        assert drift(observer) == []


@pytest.fixture
def mortal(major: int) -> Iterator[Store]:
    """Give a durable store on a server of this test's own."""
    with ephemeral(major, {"fsync": "on"}) as server:
        migrate(server.uri, examples=True)
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
        database = Database("postgres", server)
        try:
            yield Store(database)
        finally:
            database.close()


def wait_until_up(store: Store) -> None:
    """Wait until the server has recovered from the kill of one of its processes."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with connect(store.db.dsn, autocommit=True) as connection:
                connection.execute("select evident.safe_position()")
            # The postmaster may not have noticed yet; then the next look fails.
            with connect(store.db.dsn) as connection:
                connection.execute("select pg_sleep(0.1)")
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_a_rebuild_in_the_server_too(
    spoiled: Store, observer: Observer, number: signal.Signals
) -> None:
    before = drift(observer)
    break_fold(observer, LATER, SLOW)
    words = ["rebuild", LATER, "--parallel", "2", "--slices", "4"]
    process = start(spoiled, *words, stdout=subprocess.PIPE)
    wait_for(observer, IS_REBUILDING)
    began = time.monotonic()
    process.send_signal(number)
    code, out, err = finish(process)
    assert time.monotonic() - began < 5
    assert (code, out) == (1, "")
    assert "interrupted: what is done stays" in err
    wait_for(observer, f"not exists ({PIDS})", timeout=2)
    repair_fold(observer, LATER, SLOW)
    assert drift(observer) == before


def test_what_was_in_the_way_is_tried_again(spoiled: Store, observer: Observer) -> None:
    observer.execute("create sequence folds.attempts")
    observer.execute("grant usage on sequence folds.attempts to evident_projector")
    # What a sequence gave stays given when the attempt is rolled back.
    in_the_way = """
        if nextval('folds.attempts') < 3 then
            raise exception using errcode = 'lock_not_available';
        end if;
    """
    break_fold(observer, LATER, in_the_way)
    code, _, err = run(spoiled, "rebuild", LATER)
    assert (code, err) == (0, "")
    repair_fold(observer, LATER, in_the_way)
    assert [each for each in drift(observer) if each.startswith(LATER)] == []


def test_a_fold_that_fails_is_told_and_the_others_are_rebuilt(
    spoiled: Store, observer: Observer
) -> None:
    fails = "if p_event.version = 3 then raise 'not this one'; end if;"
    break_fold(observer, DIGITS, fails)
    code, out, err = run(spoiled, "rebuild", "--all", "--parallel", "2")
    assert code == 1
    assert f"error: {DIGITS}, slice " in err
    assert "P0001: " in err and "not this one" in err
    assert sorted(table_of(out)) == [LATER, LIVE, "shop.orders_summary"]
    query = "select v.key from evident.verify_projection(%s) as v"
    for name in LIVE, LATER:
        assert observer.execute(query, [name]).fetchall() == []


def test_one_slice_catches_up_and_several_tell_that_they_do_not(
    store: Store, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_some(store, 1000)
    create_read_models(observer)
    code, out, err = run(store, "rebuild", LIVE, LATER, LATER)
    assert (code, err) == (0, "")
    assert {n: r[:2] for n, r in table_of(out).items()} == {
        LIVE: ["1", "1,000"],
        LATER: ["1", "1,000"],
    }
    status = "select s.state, s.events_behind from evident.projection_status as s"
    rows = observer.execute(f"{status} where s.name <> %s", [DIGITS]).fetchall()
    assert rows == [("running", 0)] * 3

    code, out, err = run(store, "rebuild", DIGITS, "--slices", "3")
    assert code == 0
    assert "folds.digits is rebuilt up to its checkpoint; evident work goes on" in err
    assert table_of(out)[DIGITS][:2] == ["3", "0"]
    assert run(store, "work", "--once", "--no-seal")[0] == 0
    assert is_true(observer, IS_FOLDED)
    assert drift(observer) == []

    # As many slices as the size of the log asks for, and no fewer than connections.
    # The server may have estimated that size while events were still coming.
    observer.execute("analyze evident.event_store")
    monkeypatch.setattr(rebuilding, "EVENTS_PER_SLICE", 700)
    with Lasting(store.db.dsn, "evident test", print) as connection:
        plan = rebuilding._plan(connection, [LIVE, DIGITS], None, None)
        assert plan == {LIVE: 5, DIGITS: 5}
        assert rebuilding._plan(connection, [LIVE], 8, None) == {LIVE: 8}
        assert rebuilding._plan(connection, [LIVE], 8, 2) == {LIVE: 2}
        monkeypatch.setattr(rebuilding, "EVENTS_PER_SLICE", 1)
        assert rebuilding._plan(connection, [LIVE], None, None) == {LIVE: 64}


def test_a_rebuild_of_what_is_not_there_is_refused_before_anything_is_done(
    spoiled: Store, observer: Observer
) -> None:
    before = drift(observer)
    code, out, err = run(spoiled, "rebuild", LIVE, "folds.nobody")
    assert (code, out) == (2, "")
    assert "PT404: no such projection: folds.nobody" in err
    for words in ([], ["--all", LIVE], [LIVE, "--slices", "0"]):
        assert run(spoiled, "rebuild", *words)[0] == 2
    assert drift(observer) == before
