"""A worker seals while it folds, beside others, and says when the ledger is wrong."""

from __future__ import annotations

import random
import signal
import time
from typing import Any

import psycopg
import pytest

from support.checkers.projections import drift
from support.clients.feed_work import append_some, writing
from support.clients.programs import finish, run, running, start_at
from support.clients.store import LOGIN, Store
from support.clients.waiting import is_true, wait_for
from support.models.worker_models import IS_FOLDED, LATER, create_read_models
from support.seeds import scaled
from support.servers.poolers import PGBOUNCER, pooler_for

pytestmark = [pytest.mark.promise(19), pytest.mark.once]

Observer = psycopg.Connection[Any]

KILLS = scaled(3, 40)
QUICK = ["work", "--interval", "0.05", "--seal-interval", "0.1"]
LEAVES = "(select s.leaves from evident.ledger_status as s)"
IS_SEALED = "(select s.unsealed_events = 0 from evident.ledger_status as s)"
IS_CLEAN = "not exists (select from evident.verify_ledger())"
IS_CHAIN = """
    (
        select bool_and(h.tree_size >= h.before)
        from (
            select h.tree_size, lag(h.tree_size, 1, 0::bigint) over (order by h.number)
            from evident.tree_head as h
        ) as h (tree_size, before)
    )
"""
# What a superuser does that nobody shall notice.
EDIT = """
    set session_replication_role = replica;
    alter table evident.event_store disable trigger event_store_history;
    alter table evident.event_store disable trigger event_store_history_rows;
    update evident.event_store set payload = '{"op": "forged"}' where id = 2;
    alter table evident.event_store enable always trigger event_store_history;
    alter table evident.event_store enable always trigger event_store_history_rows;
    reset session_replication_role;
"""


def leaves(observer: Observer) -> int:
    row = observer.execute(f"select {LEAVES}").fetchone()
    assert row is not None
    return int(row[0])


def wait_for_a_question(observer: Observer) -> None:
    """Wait until the worker asks something new, so has taken its answers so far."""
    (now,) = observer.execute("select clock_timestamp()").fetchone() or (None,)
    asked = "select from pg_stat_activity as a where a.usename = %s"
    here = "a.datname = current_database() and a.query_start > %s"
    wait_for(observer, f"exists ({asked} and {here})", LOGIN, now)


def is_sealed_and_clean(observer: Observer) -> bool:
    return is_true(observer, f"{IS_SEALED} and {IS_CLEAN} and {IS_CHAIN}")


def test_a_worker_seals_while_it_folds(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    create_read_models(observer, LATER)
    with running(store, *QUICK) as worker:
        with writing(store, rng) as progress:
            while progress.committed < 300:
                time.sleep(0.01)
            wait_for(observer, f"{LEAVES} > 100")
        wait_for(observer, f"{IS_SEALED} and {IS_FOLDED}")
        wait_for_a_question(observer)
        worker.send_signal(signal.SIGTERM)
        code, _, err = finish(worker)
    assert code == 0
    assert f", {leaves(observer):,} sealed" in err.splitlines()[-1]
    assert is_sealed_and_clean(observer)
    assert drift(observer) == []


def test_a_full_seal_is_followed_by_the_next_one_at_once(
    store: Store, observer: Observer
) -> None:
    append_some(store, 20)
    small = "import pg_evident.projections.steps as s; s.LIMIT = 7"
    with running(store, "work", "--seal-interval", "60", broken=small):
        wait_for(observer, f"{LEAVES} >= 60", timeout=20)


def test_a_worker_that_shall_not_seal_does_not(
    store: Store, observer: Observer
) -> None:
    append_some(store, 2)
    assert run(store, "work", "--once", "--no-seal")[0] == 0
    assert leaves(observer) == 0


def test_once_seals_all_and_what_the_first_seal_has_added(
    store: Store, observer: Observer
) -> None:
    append_some(store, 20)
    small = "import pg_evident.projections.steps as s; s.LIMIT = 25"
    code, _, err = run(store, "work", "--once", broken=small)
    assert code == 0, err
    assert "done: 0 events folded, 61 sealed" in err
    assert is_sealed_and_clean(observer)


def test_once_waits_for_what_another_one_is_sealing(
    store: Store, observer: Observer
) -> None:
    append_some(store, 10)
    with store.connect() as other:
        other.execute("begin")
        other.execute("select evident.seal(5)")
        with running(store, "work", "--once") as worker:
            wait_for(
                observer,
                "exists (select from pg_stat_activity where query ~ 'tree_head'"
                " and application_name = 'evident work')",
            )
            assert worker.poll() is None
            other.execute("rollback")
            assert worker.wait(20) == 0
    assert is_sealed_and_clean(observer)


@pytest.mark.faults
def test_workers_that_are_killed_leave_one_unbroken_ledger(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    create_read_models(observer, LATER)
    with (
        writing(store, rng),
        running(store, *QUICK) as steady,
    ):
        for _ in range(KILLS):
            sealed = leaves(observer)
            with running(store, *QUICK) as victim:
                wait_for(observer, f"{LEAVES} > %s", sealed)
                time.sleep(rng.random() * 0.2)
                victim.send_signal(signal.SIGKILL)
        assert steady.poll() is None
    assert run(store, "work", "--once")[0] == 0
    assert is_sealed_and_clean(observer)
    assert drift(observer) == []


def test_a_changed_history_is_said_and_the_folding_goes_on(
    store: Store, observer: Observer
) -> None:
    create_read_models(observer, LATER)
    append_some(store, 2)
    assert run(store, "work", "--once")[0] == 0
    sealed = leaves(observer)
    observer.execute(EDIT)
    with running(store, *QUICK) as worker:
        for _ in range(3):
            append_some(store, 2)
            wait_for(observer, IS_FOLDED)
        assert worker.stderr is not None
        line = ""
        while "PT500" not in line:
            line = worker.stderr.readline()
            assert line
        assert worker.poll() is None
    assert line == (
        f"seal: PT500 the ledger of {sealed} leaves does not follow from the events any"
        " more; nothing is sealed until that is cleared up: see evident.verify_ledger()"
        " and evident verify; again in 0 s\n"
    )
    assert leaves(observer) == sealed
    code, _, err = run(store, "work", "--once")
    assert code == 1
    assert "seal: PT500" in err
    code, _, err = run(store, "seal")
    assert code == 1
    assert err.startswith(f"error: PT500: the ledger of {sealed} leaves")
    assert "evident verify tells what" in err


@pytest.mark.skipif(PGBOUNCER is None, reason="needs PgBouncer")
def test_workers_seal_through_a_transaction_mode_pooler(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    with pooler_for(store.db.server, store.db.name, LOGIN) as uri:
        workers = [start_at(uri, *QUICK) for _ in range(2)]
        try:
            with writing(store, rng) as progress:
                while progress.committed < 300:
                    time.sleep(0.01)
            wait_for(observer, IS_SEALED)
        finally:
            for each in workers:
                each.kill()
                finish(each)
    assert is_sealed_and_clean(observer)


def test_the_command_seals_all_and_tells_the_tree(
    store: Store, observer: Observer
) -> None:
    append_some(store, 100)
    code, out, _ = run(store, "seal", "--max-events", "90")
    root = observer.execute(
        "select encode(s.root_hash, 'base64') from evident.ledger_status as s"
    ).fetchone()
    assert root is not None
    assert code == 0
    assert out == f"sealed 301 events, tree of 301 leaves, root {root[0]}\n"
    assert is_sealed_and_clean(observer)
    code, out, _ = run(store, "seal")
    assert (code, out) == (
        0,
        f"sealed 0 events, tree of 301 leaves, root {root[0]}\n",
    )


def test_the_command_waits_for_what_another_one_is_sealing(
    store: Store, observer: Observer
) -> None:
    append_some(store, 10)
    with store.connect() as other:
        other.execute("begin")
        other.execute("select evident.seal()")
        with running(store, "seal") as command:
            wait_for(
                observer,
                "exists (select from pg_stat_activity where query ~ 'tree_head'"
                " and application_name = 'evident seal')",
            )
            assert command.poll() is None
            other.execute("commit")
            assert command.wait(20) == 0
    assert is_sealed_and_clean(observer)
