"""A consumer gets every event, in order per aggregate, whatever its workers do."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.clients.calls import Entry, append_event, events_of
from support.clients.consumer_work import run_consumer
from support.clients.consumer_workers import CLAIM, CONFIRM, CONSUMER
from support.clients.feed_work import in_background
from support.clients.feed_writers import Progress, write
from support.clients.store import Store
from support.clients.waiting import Background, wait_until_blocked
from support.seeds import scaled

pytestmark = pytest.mark.promise(6)

Observer = psycopg.Connection[Any]

EVENTS = scaled(2_000, 30_000, least=2_000)
STAMPED = "select s.position from evident.feed_stamp as s"


@pytest.mark.parametrize("partitions", [1, 4])
def test_nothing_is_skipped_and_order_is_kept(
    store: Store,
    observer: Observer,
    rng: random.Random,
    partitions: int,
    figures: Figures,
) -> None:
    run = run_consumer(store, observer, rng, events=EVENTS, partitions=partitions)
    print(run.summary())
    assert len(run.log) >= EVENTS
    assert run.violations() == []
    assert run.kills > 0
    assert run.outcomes()["PT423"] > 0
    figures.add(
        events=len(run.log), kills=run.kills, fenced_workers=run.outcomes()["PT423"]
    )


@pytest.mark.twin_of(6)
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("hasty_claim", "missed"),
        ("unfenced_confirm", "confirmed"),
        ("unlocked_claim", "confirmed by"),
        ("scattered_claim", "given before"),
    ],
)
def test_a_broken_consumer_is_caught(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    name: str,
    complaint: str,
) -> None:
    twin(name)

    def check() -> list[str]:
        partitions = 4 if name == "scattered_claim" else 1
        run = run_consumer(
            store, observer, rng, events=400, partitions=partitions, writers=2
        )
        return [each for each in run.violations() if complaint in each]

    assert first_violations(check)


def create(observer: Observer, partitions: int, events: int) -> None:
    """Make the consumer and give it events of as many aggregates."""
    observer.execute("select evident.create_consumer(%s, %s)", [CONSUMER, partitions])
    for _ in range(events):
        append_event(observer, [Entry(uuid.uuid4(), 0, events_of("one", 1))])


def claim(connection: Observer, lease: int = 60_000) -> list[Any]:
    return connection.execute(CLAIM, [CONSUMER, "w", 100, lease]).fetchall()


def test_a_worker_whose_lease_was_taken_over_is_told(
    store: Store, observer: Observer
) -> None:
    create(observer, partitions=1, events=3)
    with store.connect() as slow, store.connect() as quick:
        old = claim(slow, lease=1)
        new: list[Any] = []
        while not new:
            new = claim(quick)
        assert [row[2] for row in new] == [row[2] for row in old] == [1, 2, 3]
        with pytest.raises(psycopg.Error) as refused:
            slow.execute(CONFIRM, [CONSUMER, 0, old[0][1], 3])
        assert refused.value.sqlstate == "PT423"
        assert json.loads(refused.value.diag.message_detail or "") == {
            "name": CONSUMER,
            "epoch": new[0][1],
        }
        assert refused.value.diag.message_hint
        quick.execute(CONFIRM, [CONSUMER, 0, new[0][1], 3])


def test_workers_never_wait_for_each_other(store: Store, observer: Observer) -> None:
    create(observer, partitions=2, events=40)
    with store.connect() as first, store.connect() as second, store.connect() as third:
        for each in (second, third):
            each.execute("set lock_timeout = '1ms'")
        first.execute("begin")
        one = claim(first)
        second.execute("begin")
        two = claim(second)
        assert {one[0][0], two[0][0]} == {0, 1}
        assert len(one) + len(two) == 40
        assert claim(third) == []
        first.execute("commit")
        second.execute("rollback")
        # One lease stays, the other was never given.
        assert [row[2] for row in claim(third)] == [row[2] for row in two]


def test_a_new_consumer_of_the_name_has_nothing_to_do_with_the_old_one(
    store: Store, observer: Observer
) -> None:
    create(observer, partitions=1, events=2)
    with store.connect() as worker, store.connect() as other:
        worker.execute("begin")
        old = claim(worker)
        dropping = Background(
            lambda: other.execute("select evident.drop_consumer(%s)", [CONSUMER])
        )
        wait_until_blocked(observer, other)
        worker.execute("commit")
        dropping.result()
        create(observer, partitions=1, events=0)
        new = claim(worker)
        assert new[0][1] > old[0][1]
        with pytest.raises(psycopg.Error) as refused:
            worker.execute(CONFIRM, [CONSUMER, 0, old[0][1], 2])
        assert refused.value.sqlstate == "PT423"


def test_one_of_many_creators_makes_the_consumer(
    store: Store, observer: Observer
) -> None:
    create_it = "select evident.create_consumer('shared', 7, '{A,B}')"
    with store.connect() as first, store.connect() as second:
        first.execute("begin")
        first.execute(create_it)
        waiting = Background(lambda: second.execute(create_it))
        wait_until_blocked(observer, second)
        first.execute("commit")
        waiting.result()
        rows = second.execute("select from evident.consumer_status").fetchall()
        assert len(rows) == 7


def test_the_stamp_never_goes_back_and_stampers_never_wait(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    progress, over = Progress(1500), threading.Event()

    def stamp() -> list[int]:
        given = []
        with store.connect() as connection:
            connection.execute("set lock_timeout = '1ms'")
            while not over.is_set():
                row = connection.execute("select evident.stamp_position()").fetchone()
                assert row is not None
                given.append(row[0])
        return given

    def watch() -> list[int]:
        seen = []
        while not over.is_set():
            seen += [row[0] for row in observer.execute(STAMPED).fetchall()]
        return seen

    stamping = [Background(stamp) for _ in range(3)]
    watching = Background(watch)
    try:
        writing = in_background(lambda s: write(store, s, progress), rng, 4)
        for each in writing:
            each.result()
    finally:
        progress.stop()
        over.set()
    seen = watching.result()
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    for each in stamping:
        given = each.result()
        assert given == sorted(given)


def test_one_notification_is_sent_for_each_stamp_that_moved(store: Store) -> None:
    with store.connect() as listener, store.connect() as other:
        listener.execute("listen evident")
        for _ in range(2):
            append_event(other, [Entry(uuid.uuid4(), 0, events_of("one", 1))])
            for _ in range(3):
                other.execute("select evident.stamp_position(true)")
        append_event(other, [Entry(uuid.uuid4(), 0, events_of("one", 1))])
        other.execute("select evident.stamp_position()")
        heard = [(n.channel, n.payload) for n in listener.notifies(timeout=0.2)]
        assert heard == [("evident", "1"), ("evident", "2")]
