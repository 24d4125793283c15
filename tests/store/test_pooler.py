"""Promise 18: behind a pooler in transaction mode everything is as without."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from pg_evident.server.cluster import Server
from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.feed import feed_violations
from support.checkers.history import history_violations
from support.clients.calls import Connection
from support.clients.consumer_work import run_consumer
from support.clients.feed_work import run_feed
from support.clients.killer import run_under_kills
from support.clients.projection_work import (
    RUN,
    Action,
    rebuild,
    run_slices,
    violations,
    work,
)
from support.clients.store import LOGIN, Store
from support.models.projection_models import (
    ALL,
    ASYNC,
    ASYNC_ACROSS,
    SYNC,
    Model,
    make_models,
)
from support.seeds import scaled
from support.servers.poolers import PGBOUNCER, PooledStore, pooler_for

Observer = psycopg.Connection[Any]

pytestmark = [
    pytest.mark.promise(18),
    pytest.mark.skipif(
        PGBOUNCER is None, reason="no pgbouncer: see tests/system_packages.sh"
    ),
    pytest.mark.once,
]

EVENTS = scaled(300, 5_000)
LOCK = "select pg_try_advisory_lock(4711)"
UNLOCK = "select pg_advisory_unlock(4711)"
# Given back to a session that never had it.
LEFT = """
select format('a lock is left to session %s, which is %s', l.pid, a.state)
from pg_locks as l
inner join pg_stat_activity as a on l.pid = a.pid
where
    l.locktype = 'advisory'
    and l.objid = 4711
    and a.datname = current_database()
"""


@pytest.fixture
def pooled(store: Store, server: Server) -> Iterator[PooledStore]:
    with pooler_for(server, store.db.name, LOGIN, size=6) as uri:
        yield PooledStore(store.db, uri)


def test_projections_are_what_their_events_say(
    pooled: PooledStore, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    make_models(observer, ALL)
    actions = [run_slices(each) for each in (ASYNC, ASYNC, ASYNC_ACROSS)]
    actions += [rebuild(each) for each in (SYNC, ASYNC_ACROSS)]
    done = work(
        pooled, observer, rng, actions, events=EVENTS, writers=10, with_kills=True
    )
    print(done.summary())
    assert violations(pooled, observer, ALL) == []
    assert done.kills > 0
    figures.add(events=done.events, kills=done.kills)


def test_the_feed_neither_skips_nor_reorders(
    pooled: PooledStore, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    run = run_feed(pooled, observer, rng, events=5 * EVENTS, writers=10)
    assert [v for r in run.readers for v in feed_violations(r.seen, run.log)] == []
    figures.add(events=len(run.log))


def test_a_consumer_gets_every_event_in_order(
    pooled: PooledStore, observer: Observer, rng: random.Random
) -> None:
    # A kill could strike another client that has the connection by then.
    run = run_consumer(
        pooled, observer, rng, events=2 * EVENTS, partitions=4, with_kills=False
    )
    print(run.summary())
    assert run.violations() == []


def test_batches_are_atomic_whoever_is_killed(
    pooled: PooledStore, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    operations, kills = run_under_kills(pooled, observer, rng, rounds=20)
    assert history_violations(operations, pooled.log(), {"PT404", "PT409"}) == []
    assert kills > 0
    figures.add(batches=len(operations), kills=kills)


def guarded(model: Model) -> Action:
    """Make the action of a runner that takes a lock of its session before it runs."""

    def run(connection: Connection, rng: random.Random) -> None:
        if connection.execute(LOCK).fetchone() == (True,):
            connection.execute(RUN, [model.name, rng.choice([1, 3, 20])])
            connection.execute(UNLOCK)

    return run


@pytest.mark.twin_of(18)
def test_a_lock_of_the_session_guards_a_runner_without_a_pooler_only(
    store: Store,
    pooled: PooledStore,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
) -> None:
    make_models(observer, [ASYNC_ACROSS])
    twin("unlocked_run")

    def check(through: Store) -> list[str]:
        actions = [guarded(ASYNC_ACROSS)] * 4
        work(through, observer, rng, actions, events=300)
        found = [row[0] for row in observer.execute(LEFT).fetchall()]
        return found + violations(store, observer, [ASYNC_ACROSS])

    assert check(store) == []
    assert first_violations(lambda: check(pooled))
