"""Promise 6, after a crash: readers and consumers go on from where they were."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from conftest import Database
from support.check_consumers import consumer_violations
from support.check_feed import feed_violations
from support.consumer_workers import CONSUMER, Worker
from support.crashes import following_readers, prepare_one, write_until_crash
from support.feed_work import check_held, seeds_of
from support.store import LOGIN_SQL, Store
from support.waiting import Background

from harness.database import connect
from harness.migrate import migrate
from harness.postgres import Server
from harness.server import ephemeral

pytestmark = pytest.mark.promise(6)

SETTINGS = {"fsync": "on", "max_prepared_transactions": "5"}


@pytest.fixture
def mortal(major: int) -> Iterator[Server]:
    """Give a durable server of this test's own."""
    with ephemeral(major, SETTINGS) as server:
        migrate(server.uri)
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
        yield server


def test_readers_go_on_behind_their_last_event_after_a_crash(
    mortal: Server, rng: random.Random
) -> None:
    database = Database("postgres", mortal)
    store = Store(database)
    try:
        with following_readers(store, rng, 3) as readers:
            for round_number in range(4):
                seen = max(len(each.seen) for each in readers)
                if round_number % 2:
                    with store.connect() as connection:
                        held = prepare_one(connection, "held")
                write_until_crash(store, mortal, rng, events=300)
                mortal.start()
                if round_number % 2:
                    with store.connect() as connection:
                        check_held(connection, held)
                        connection.execute("commit prepared 'held'")
                else:
                    assert max(len(each.seen) for each in readers) > seen
        log = [event.id for event in store.log()]
    finally:
        database.close()
    assert len(log) >= 1200
    assert [v for r in readers for v in feed_violations(r.seen, log)] == []


def test_a_consumer_goes_on_behind_what_is_confirmed_after_a_crash(
    mortal: Server, rng: random.Random
) -> None:
    database = Database("postgres", mortal)
    store, over = Store(database), threading.Event()
    try:
        with store.connect() as connection:
            connection.execute("select evident.create_consumer(%s, 3)", [CONSUMER])
        workers = [Worker(store, random.Random(s)) for s in seeds_of(rng, 4)]
        working = [Background(lambda w=each: w.run(over)) for each in workers]
        try:
            for _ in range(4):
                write_until_crash(store, mortal, rng, events=300)
                mortal.start()
        finally:
            over.set()
        for each in working:
            each.result()
        log = store.log()
    finally:
        database.close()
    claims = [claim for each in workers for claim in each.claims]
    assert len(log) >= 1200
    assert sum(each.losses for each in workers) >= 4
    assert consumer_violations(claims, log) == []
