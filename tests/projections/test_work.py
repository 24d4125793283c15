"""Workers fold every event once, whoever kills them, and stop when they are told."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from conftest import SETTINGS, Database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.temporary import ephemeral
from support.checkers.bounded import first_violations
from support.checkers.projections import drift
from support.clients.feed_work import append_some, writing
from support.clients.programs import finish, login_dsn, run, running, start_at
from support.clients.store import LOGIN, LOGIN_SQL, Store
from support.clients.waiting import is_true, wait_for
from support.models.worker_models import (
    DIGITS,
    IS_FOLDED,
    LATER,
    LIVE,
    break_fold,
    create_read_models,
    register,
    repair_fold,
)
from support.seeds import scaled
from support.servers.poolers import PGBOUNCER, pooler_for

pytestmark = [pytest.mark.promise(8), pytest.mark.once]

Observer = psycopg.Connection[Any]

KILLS = scaled(3, 40)
WORKERS = "a.application_name = 'evident work' and a.datname = current_database()"
IS_CONNECTED = f"exists (select from pg_stat_activity as a where {WORKERS})"
IS_FOLDING = f"""
exists (
    select
    from pg_stat_activity as a
    where {WORKERS} and a.state = 'active' and a.query ~ 'run_projection'
)
"""
TERMINATE = f"""
select a.pid, pg_terminate_backend(a.pid) from pg_stat_activity as a where {WORKERS}
"""
ARE_GONE = """
not exists (select from pg_stat_activity as a where a.pid = any (%s))
"""
ARE_THREE = f"(select count(*) = 3 from pg_stat_activity as a where {WORKERS})"
HAVE_MOVED = "(select sum(p.position) > %s from evident.projection as p)"
SLOW = "perform pg_sleep(0.05);"
RAISING = "perform folds.no_such_function();"
FAILING = "if p_event.version = 2 then raise 'not this one'; end if;"


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> float:
    """Send a signal and give the seconds until the end, which has to be a good one."""
    began = time.monotonic()
    process.send_signal(number)
    code, _, err = finish(process)
    print(err)
    assert code == 0, err
    assert "stopped: " in err.splitlines()[-1]
    return time.monotonic() - began


@pytest.fixture
def mortal(major: int) -> Iterator[Store]:
    """Give a store on a server of this test's own."""
    with ephemeral(major, SETTINGS) as server:
        migrate(server.uri)
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
        database = Database("postgres", server)
        try:
            yield Store(database)
        finally:
            database.close()


def test_a_worker_folds_what_comes_and_finds_new_projections(
    store: Store, observer: Observer
) -> None:
    append_some(store, 500)
    create_read_models(observer, LATER)
    with running(store, "work", "--no-seal") as worker:
        wait_for(observer, IS_FOLDED)
        append_some(store, 10)
        wait_for(observer, IS_FOLDED)
        # Over events that are there: it catches up first, and is kept by appends then.
        register(observer, LIVE)
        wait_for(observer, IS_FOLDED)
        append_some(store, 10)
        register(observer, DIGITS)
        wait_for(observer, IS_FOLDED)
        assert stop(worker) < 5
    assert drift(observer) == []
    row = observer.execute("select count(*), sum(events) from folds.digits").fetchone()
    assert row == (16, 3 * 520)


def test_a_worker_stamps_the_position_unless_it_is_told_not_to(
    store: Store, observer: Observer
) -> None:
    stamp = "select s.position from evident.feed_stamp as s"
    append_some(store, 2)
    assert run(store, "work", "--once", "--no-seal", "--no-stamp")[0] == 0
    assert observer.execute(stamp).fetchone() == (0,)
    assert run(store, "work", "--once", "--no-seal")[0] == 0
    assert observer.execute(stamp).fetchone() == (6,)

    observer.execute("listen evident")
    append_some(store, 2)
    with running(store, "work", "--notify", "--no-seal"):
        notes = [each.payload for each in observer.notifies(timeout=30, stop_after=1)]
    assert notes == ["12"]


def test_a_notification_wakes_a_worker_that_listens(
    store: Store, observer: Observer
) -> None:
    create_read_models(observer, LATER)
    slow = "from pg_evident.projections import turns; turns.SHORTEST_PAUSE = 60"
    slow += "; from pg_evident.projections import steps; steps.SHORTEST_PAUSE = 60"
    with running(
        store, "work", "--listen", "--no-stamp", "--interval", "60", broken=slow
    ):
        wait_for(observer, f"{IS_CONNECTED} and not {IS_FOLDING}")
        deadline = time.monotonic() + 30
        append_some(store, 1)
        while not is_true(observer, IS_FOLDED):
            assert time.monotonic() < deadline
            observer.execute("notify evident")
            time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_worker_at_once(
    store: Store, observer: Observer, number: signal.Signals
) -> None:
    create_read_models(observer)
    append_some(store, 1)
    with running(store, "work", "--interval", "60") as worker:
        wait_for(observer, IS_FOLDED)
        assert stop(worker, number) < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_rolls_the_batch_back_that_is_under_way(
    store: Store, observer: Observer, number: signal.Signals
) -> None:
    create_read_models(observer, LATER)
    break_fold(observer, LATER, SLOW)
    append_some(store, 200)
    with running(store, "work") as worker:
        wait_for(observer, IS_FOLDING)
        assert stop(worker, number) < 5
    wait_for(observer, f"not {IS_CONNECTED}")
    assert observer.execute("select count(*) from folds.later").fetchone() == (0,)
    assert drift(observer) == []


def test_a_worker_goes_on_after_a_lost_connection(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    create_read_models(observer)
    append_some(store, 1)
    with running(store, "work") as worker:
        # The first connection has to succeed, and it has when something is folded.
        wait_for(observer, IS_FOLDED)
        with writing(store, rng):
            for _ in range(KILLS // 2):
                wait_for(observer, IS_CONNECTED)
                time.sleep(rng.random() * 0.1)
                killed = [pid for pid, _ in observer.execute(TERMINATE)]
                wait_for(observer, ARE_GONE, killed)
            assert worker.poll() is None
    with running(store, "work"):
        wait_for(observer, IS_FOLDED)
    assert drift(observer) == []


def test_a_worker_goes_on_after_a_restart_and_ends_while_there_is_no_server(
    mortal: Store,
) -> None:
    server = mortal.db.server
    with connect(server.uri, autocommit=True) as observer:
        create_read_models(observer)
    append_some(mortal, 20)
    with running(mortal, "work") as worker:
        for mode in "fast", "immediate":
            with connect(server.uri, autocommit=True) as observer:
                wait_for(observer, IS_FOLDED)
            server.restart(mode)
            append_some(mortal, 20)
        with connect(server.uri, autocommit=True) as observer:
            wait_for(observer, IS_FOLDED)
            assert drift(observer) == []
        server.stop()
        assert worker.stderr is not None
        seen = ""
        while seen.count("no connection") < 4:
            line = worker.stderr.readline()
            assert line, seen
            seen += line
        worker.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert worker.wait(10) == 0
        assert time.monotonic() - began < 5


@pytest.mark.faults
def test_workers_that_are_killed_fold_everything_once(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    create_read_models(observer, LATER, DIGITS)
    assert folded_under_kills(store, observer, rng) == []


@pytest.mark.twin_of(8)
def test_workers_that_run_at_the_same_time_are_caught_where_nothing_keeps_them_apart(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
) -> None:
    create_read_models(observer, LATER, DIGITS)
    twin("unlocked_run")
    assert first_violations(lambda: folded_under_kills(store, observer, rng)) != []


def position_of(observer: Observer) -> int:
    query = "select sum(p.position) from evident.projection as p"
    row = observer.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def folded_under_kills(
    store: Store, observer: Observer, rng: random.Random
) -> list[str]:
    """Kill workers, three at a time, while others append; finish and give the drift."""
    words = ["work", "--interval", "0.05"]
    with writing(store, rng) as progress, contextlib.ExitStack() as cleanup:
        workers = [cleanup.enter_context(running(store, *words)) for _ in range(3)]
        wait_for(observer, IS_FOLDING)
        for number in range(KILLS):
            if number == KILLS // 2:
                # In the middle one more that has to catch up.
                register(observer, LIVE)
            # All are at work, and have got somewhere since the last one was killed.
            wait_for(observer, ARE_THREE)
            wait_for(observer, HAVE_MOVED, position_of(observer))
            time.sleep(rng.random() * 0.05)
            victim = workers.pop(rng.randrange(3))
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            workers.append(cleanup.enter_context(running(store, *words)))
        print(f"{progress.committed} events")
        assert progress.committed > 100
    code, _, err = run(store, "work", "--once", "--no-seal")
    assert code == 0, err
    assert is_true(observer, IS_FOLDED)
    return drift(observer)


def test_a_projection_that_cannot_be_folded_leaves_the_others_alone(
    store: Store, observer: Observer
) -> None:
    create_read_models(observer, LATER, DIGITS)
    break_fold(observer, DIGITS, RAISING)
    append_some(store, 10)
    others = f"{IS_FOLDED.replace('where', f'''where s.name <> '{DIGITS}' and''')}"
    with running(store, "work") as worker:
        wait_for(observer, others)
        append_some(store, 10)
        wait_for(observer, others)
        assert not is_true(observer, IS_FOLDED)
        repair_fold(observer, DIGITS, RAISING)
        wait_for(observer, IS_FOLDED)
        worker.send_signal(signal.SIGTERM)
        code, _, err = finish(worker)
    assert code == 0
    refusal = f"42883 projection {DIGITS}: function folds.no_such_function() does not"
    assert refusal in err and "; again in " in err
    assert drift(observer) == []


def test_once_ends_when_all_is_folded_and_tells_of_failures(
    store: Store, observer: Observer
) -> None:
    assert run(store, "work", "--once", "--no-seal")[0] == 0
    # More than one batch for each of the three read models.
    count = scaled(400, 1000)
    append_some(store, count)
    create_read_models(observer)
    code, out, err = run(store, "work", "--once", "--no-seal")
    assert (code, out) == (0, "")
    assert f"4 projections, {9 * count:,} events behind" in err
    assert f"done: {9 * count:,} events folded" in err
    assert is_true(observer, IS_FOLDED)

    break_fold(observer, LATER, FAILING)
    append_some(store, 1)
    code, _, err = run(store, "work", "--once", "--no-seal")
    assert code == 1
    assert f"{LATER}: 1 key parked; P0001 not this one" in err
    assert is_true(observer, IS_FOLDED)
    repair_fold(observer, LATER, FAILING)
    observer.execute(
        "select evident.retry_failure(f.projection, f.key)"
        " from evident.projection_failure as f"
    )
    assert run(store, "work", "--once", "--no-seal")[0] == 0

    break_fold(observer, LATER, RAISING)
    append_some(store, 1)
    code, _, err = run(store, "work", "--once", "--no-seal")
    assert code == 1
    assert "42883 projection folds.later" in err
    rows = observer.execute("select sum(d.events) from folds.digits as d").fetchone()
    assert rows == (3 * count + 6,)
    observer.execute("select evident.pause_projection('folds.later')")
    assert run(store, "work", "--once", "--no-seal")[0] == 0


def test_once_waits_for_what_another_worker_is_folding(
    store: Store, observer: Observer
) -> None:
    create_read_models(observer, LATER)
    append_some(store, 10)
    with store.connect() as other:
        other.execute("begin")
        other.execute("select evident.run_projection('folds.later', 1)")
        with running(store, "work", "--once") as worker:
            wait_for(observer, IS_CONNECTED)
            with pytest.raises(subprocess.TimeoutExpired):
                worker.wait(1.5)
            other.execute("rollback")
            assert worker.wait(20) == 0
    assert is_true(observer, IS_FOLDED)


@pytest.mark.skipif(PGBOUNCER is None, reason="needs PgBouncer")
def test_a_worker_and_a_rebuild_go_through_a_transaction_mode_pooler(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    create_read_models(observer)
    with pooler_for(store.db.server, store.db.name, LOGIN) as uri:
        workers = [start_at(uri, "work", "--notify") for _ in range(3)]
        try:
            with writing(store, rng) as progress:
                while progress.committed < 500:
                    time.sleep(0.01)
                rebuild = start_at(uri, "rebuild", "--all", "--parallel", "2")
                code, _, err = finish(rebuild)
                assert code == 0, err
            wait_for(observer, IS_FOLDED)
            assert all(stop(each) < 5 for each in workers)
        finally:
            for each in workers:
                each.kill()
    assert drift(observer) == []


def test_a_worker_refuses_to_start_where_it_cannot_work(
    store: Store, empty_db: Database
) -> None:
    code, _, err = run(Store(empty_db), "work")
    assert code == 1
    assert "not installed" in err
    nobody = login_dsn(store).replace("host=", "host=/nowhere")
    code, _, err = finish(start_at(nobody, "work"))
    assert code == 1
