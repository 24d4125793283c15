"""Promise 6, with faults: readers and consumers go on from where they were."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest

from conftest import fresh_database
from pg_evident.server.cluster import Server
from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.consumers import consumer_violations
from support.clients.consumer_workers import CONSUMER, Worker
from support.clients.crashes import write_until_crash
from support.clients.feed_faults import run_under_faults
from support.clients.feed_work import seeds_of
from support.clients.store import Store
from support.clients.waiting import Background
from support.seeds import scaled
from support.servers.durable import Mortal, durable_store
from support.twins import install

pytestmark = [pytest.mark.promise(6), pytest.mark.faults]

EVENTS = scaled(2000, 60_000)
READERS = scaled(7, 17)
CRASHES = scaled(3, 40)


@pytest.fixture(scope="module")
def server(major: int) -> Iterator[Server]:
    """Give a durable server for these tests, one after the other."""
    with durable_store(major) as mortal:
        yield mortal.server


@pytest.fixture
def mortal(server: Server) -> Iterator[Mortal]:
    with fresh_database(server, server.database) as database:
        yield Mortal(server, Store(database))


def test_readers_go_on_behind_their_last_event_after_any_fault(
    mortal: Mortal, rng: random.Random, figures: Figures
) -> None:
    run = run_under_faults(mortal, rng, events=EVENTS, readers=READERS, crashes=CRASHES)
    assert len(run.log) >= EVENTS
    assert run.violations() == []
    # None skipped, none repeated: so many it must be.
    assert run.deliveries == len(run.log) * READERS
    assert run.lost_by_readers >= CRASHES
    assert run.prepared >= CRASHES // 2
    figures.add(
        feed_deliveries_under_faults=run.deliveries,
        events_skipped_or_repeated=0,
        server_crashes_under_readers=run.crashes,
        sessions_ended_at_work=run.ended_sessions,
        connections_that_readers_lost=run.lost_by_readers,
    )


@pytest.mark.twin_of(6, name="naive_feed")
def test_a_feed_without_watermark_is_caught_under_the_same_faults(
    mortal: Mortal, rng: random.Random
) -> None:
    with mortal.store.db.connect(autocommit=True) as observer:
        install(observer, "naive_feed")

    def check() -> list[str]:
        run = run_under_faults(mortal, rng, events=500, readers=2, crashes=1)
        return run.violations()

    assert any("missed" in each for each in first_violations(check))


def test_a_consumer_goes_on_behind_what_is_confirmed_after_a_crash(
    mortal: Mortal, rng: random.Random, figures: Figures
) -> None:
    store, over = mortal.store, threading.Event()
    with store.connect() as connection:
        connection.execute("select evident.create_consumer(%s, 3)", [CONSUMER])
    workers = [Worker(store, random.Random(s)) for s in seeds_of(rng, 4)]
    working = [Background(lambda w=each: w.run(over)) for each in workers]
    crashes = scaled(3, 20)
    try:
        for _ in range(crashes):
            write_until_crash(store, mortal.server, rng, events=300)
            mortal.server.start()
    finally:
        over.set()
    for each in working:
        each.result()
    log = store.log()
    claims = [claim for each in workers for claim in each.claims]
    assert len(log) >= 300 * crashes
    assert sum(each.losses for each in workers) >= crashes
    assert consumer_violations(claims, log) == []
    figures.add(server_crashes_under_consumers=crashes, events_claimed=len(log))
