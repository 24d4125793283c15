"""A parked event holds its aggregate and nothing else, whoever does what meanwhile."""

from __future__ import annotations

import contextlib
import random
import threading
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.clients.calls import Entry, append_events, events_of
from support.clients.consumer_workers import kill_workers
from support.clients.feed_work import in_background, seeds_of
from support.clients.feed_writers import Progress, write
from support.clients.parking import (
    CLAIM,
    CONFIRM,
    CONSUMER,
    PARK,
    RELEASE,
    RETRY,
    SKIP,
    Dealt,
    Poison,
    decide,
    parking_violations,
    work,
)
from support.clients.store import Store
from support.clients.waiting import Background, results, wait_until_blocked
from support.seeds import scaled

pytestmark = pytest.mark.promise(6)

Observer = psycopg.Connection[Any]

EVENTS = scaled(800, 20_000, least=800)
SKIPPED = "select s.position from evident.consumer_skip as s where s.consumer = %s"
ROUNDS = scaled(2_500, 50_000, least=2_500)


def run_parking(
    store: Store, observer: Observer, rng: random.Random, events: int
) -> tuple[Dealt, list[str]]:
    """Write, work, park, kill and decide at once; give what was dealt with and wrong.

    What an earlier run has left is not this one's business: the consumer begins now.
    """
    observer.execute("delete from evident.consumer where name = %s", [CONSUMER])
    observer.execute("select evident.create_consumer(%s, 2, null, 'now')", [CONSUMER])
    row = observer.execute("select evident.safe_position()").fetchone()
    assert row is not None
    dealt, poison = Dealt(), Poison()
    progress, over = Progress(events), threading.Event()
    working = [
        Background(lambda s=seed: work(store, random.Random(s), dealt, poison, over))
        for seed in seeds_of(rng, 5)
    ]
    working.append(
        Background(lambda: decide(store, random.Random(7), dealt, poison, over))
    )
    killing = Background(lambda: kill_workers(observer, over))
    try:
        results(in_background(lambda s: write(store, s, progress), rng, 4), 600)
    finally:
        progress.stop()
        over.set()
    results([killing, *working], 120)
    log = [each for each in store.log() if each.id > row[0]]
    skipped = {each[0] for each in observer.execute(SKIPPED, [CONSUMER])}
    return dealt, parking_violations(dealt, log, skipped)


def test_nothing_is_lost_or_out_of_order_around_parked_events(
    store: Store, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    dealt, found = run_parking(store, observer, rng, EVENTS)
    assert found == []
    assert dealt.parked > 50
    figures.add(events=len(dealt.events), parked=dealt.parked)


@pytest.mark.twin_of(6)
@pytest.mark.parametrize(
    ("name", "complaint"),
    [("deaf_claim", "out of order"), ("forgetful_retry", "missed")],
)
def test_a_broken_parking_is_caught(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    name: str,
    complaint: str,
) -> None:
    twin(name)

    def check() -> list[str]:
        found = run_parking(store, observer, rng, 400)[1]
        return [each for each in found if complaint in each]

    assert first_violations(check)


def create(observer: Observer) -> uuid.UUID:
    """Make a consumer with three events of one aggregate and one of another."""
    observer.execute("select evident.create_consumer(%s)", [CONSUMER])
    aggregate = uuid.uuid4()
    append_events(observer, [Entry(aggregate, 0, events_of("one", 3))])
    append_events(observer, [Entry(uuid.uuid4(), 0, events_of("two", 1))])
    return aggregate


def claimed(connection: Observer, limit: int = 10) -> list[Any]:
    return connection.execute(CLAIM, [CONSUMER, limit, 60_000]).fetchall()


def ids(rows: list[Any]) -> list[int]:
    return [row[2] for row in rows]


def test_a_claim_while_an_event_is_parked_sees_it_or_nothing(
    store: Store, observer: Observer
) -> None:
    create(observer)
    with store.connect() as worker, store.connect() as other:
        held = observer.execute(CLAIM, [CONSUMER, 10, 1]).fetchall()
        worker.execute("begin")
        worker.execute(PARK, [CONSUMER, *held[0][:2], held[1][2]])
        # The lease is over, and the partition is locked: nothing, without waiting.
        other.execute("set lock_timeout = '1ms'")
        assert claimed(other) == []
        worker.execute("commit")
        assert ids(claimed(other)) == [held[0][2], held[3][2]]
        # And the worker from before has nothing to say any more.
        with pytest.raises(psycopg.Error) as refused:
            worker.execute(PARK, [CONSUMER, *held[0][:2], held[0][2]])
        assert refused.value.sqlstate == "PT423"


def test_a_park_that_is_rolled_back_has_parked_nothing(
    store: Store, observer: Observer
) -> None:
    create(observer)
    worker = store.connect()
    held = claimed(worker)
    worker.execute("begin")
    worker.execute(PARK, [CONSUMER, *held[0][:2], held[1][2]])
    pid = worker.info.backend_pid
    observer.execute("select pg_terminate_backend(%s, 5000)", [pid])
    observer.execute("update evident.consumer_partition set lease_expires_at = null")
    with store.connect() as other:
        assert ids(claimed(other)) == ids(held)


def versions_after_the_last_one_that_waits(
    store: Store, observer: Observer
) -> list[int]:
    """Let the last event that waits be skipped in a claim of these alone; claim on."""
    aggregate = create(observer)
    with store.connect() as worker:
        held = claimed(worker)
        worker.execute(PARK, [CONSUMER, *held[0][:2], held[0][2]])
        worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
        observer.execute(RETRY, [CONSUMER, aggregate])
        again = claimed(worker)
        assert [row[4] for row in again] == [1, 2, 3]
        worker.execute(CONFIRM, [CONSUMER, *again[0][:2], again[1][2]])
        worker.execute(PARK, [CONSUMER, *again[0][:2], again[2][2]])
        worker.execute(RELEASE, [CONSUMER, *again[0][:2], False])
        observer.execute(SKIP, [CONSUMER, aggregate])
        append_events(observer, [Entry(aggregate, 3, events_of("one", 1))])
        return [row[4] for row in [*claimed(worker), *claimed(worker)]]


def test_an_event_behind_the_last_one_that_waits_is_not_passed(
    store: Store, observer: Observer
) -> None:
    assert versions_after_the_last_one_that_waits(store, observer) == [4]


@pytest.mark.twin_of(6)
def test_a_claim_that_passes_it_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("hasty_return")
    assert versions_after_the_last_one_that_waits(store, observer) == []


def test_a_retry_waits_for_the_confirmation_and_then_all_comes_in_order(
    store: Store, observer: Observer
) -> None:
    aggregate = create(observer)
    with store.connect() as worker, store.connect() as person:
        held = claimed(worker)
        worker.execute(PARK, [CONSUMER, *held[0][:2], held[1][2]])
        worker.execute("begin")
        worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
        retrying = Background(
            lambda: person.execute(RETRY, [CONSUMER, aggregate]).fetchall()
        )
        wait_until_blocked(observer, person)
        assert claimed(observer) == []
        worker.execute("commit")
        assert retrying.result() == [(2,)]
        append_events(observer, [Entry(aggregate, 3, events_of("three", 1))])
        first = claimed(worker)
        assert ids(first) == ids(held)[1:3]
        worker.execute(CONFIRM, [CONSUMER, *first[0][:2], first[-1][2]])
        assert [row[4] for row in claimed(worker)] == [4]


LATE = "late"
# A look that stops between the safe position and the partitions.
STOPS = f"""
create or replace function evident._now()
returns timestamptz language plpgsql volatile as $function$
begin
    if current_setting('application_name') = '{LATE}' then
        perform pg_advisory_xact_lock_shared(1);
    end if;
    return clock_timestamp();
end $function$
"""


# As a writer that read the sequence, and then was not heard of for a while.
ANNOUNCE = "select pg_advisory_lock_shared((17750::bigint << 48) | %s)"


def look_early(store: Store, observer: Observer, meanwhile: Callable[[], None]) -> None:
    """Learn the safe position, and look for what is free after something happened."""
    observer.execute(STOPS)
    observer.execute("select pg_advisory_lock(1)")
    with store.connect(application_name=LATE) as late:
        looking = Background(lambda: claimed(late))
        wait_until_blocked(observer, late)
        meanwhile()
        observer.execute("select pg_advisory_unlock(1)")
        looking.result()


def look_back(store: Store, observer: Observer, meanwhile: Callable[[], None]) -> None:
    """Look when the safe position went back to where it was before."""
    row = observer.execute("select evident.safe_position()").fetchone()
    meanwhile()
    observer.execute(ANNOUNCE, row)
    assert observer.execute("select evident.safe_position()").fetchone() == row
    with store.connect() as late:
        claimed(late)
    observer.execute("select pg_advisory_unlock_all()")


OVER = "update evident.consumer_partition set lease_expires_at = claimed_at"
Look = Callable[[Store, Observer, Callable[[], None]], None]
by_look = pytest.mark.parametrize("look", [look_early, look_back])


def versions_after(store: Store, observer: Observer, look: Look) -> list[int]:
    """Retry within a lease whose events another look does not know of; confirm it."""
    create(observer)
    with store.connect() as worker:
        held = claimed(worker)
        worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
        aggregate = uuid.uuid4()

        def meanwhile() -> None:
            append_events(observer, [Entry(aggregate, 0, events_of("one", 2))])
            append_events(observer, [Entry(uuid.uuid4(), 0, events_of("two", 1))])
            held[:] = claimed(worker)
            observer.execute(OVER)
            worker.execute(PARK, [CONSUMER, *held[0][:2], held[0][2]])
            observer.execute(RETRY, [CONSUMER, aggregate])

        look(store, observer, meanwhile)
        with contextlib.suppress(psycopg.Error):
            worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
        observer.execute(OVER)
        return [row[4] for row in claimed(worker) if row[3] == aggregate]


@by_look
def test_a_look_that_does_not_know_of_a_lease_loses_nothing_of_it(
    store: Store, observer: Observer, look: Look
) -> None:
    assert versions_after(store, observer, look) == [1, 2]


@pytest.mark.twin_of(6)
@by_look
def test_a_look_that_knows_only_what_is_safe_now_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None], look: Look
) -> None:
    twin("stale_look")
    assert versions_after(store, observer, look) == []


def versions_after_a_late_park(
    store: Store, observer: Observer, decision: str, late: int, *, alone: bool
) -> list[int]:
    """Decide about a parked event, let its worker park once more, confirm, claim.

    The claim is one of the partition, or of events that waited and come alone.
    """
    aggregate = create(observer)
    with store.connect() as worker:
        held = claimed(worker)
        if alone:
            worker.execute(PARK, [CONSUMER, *held[0][:2], held[0][2]])
            worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
            observer.execute(RETRY, [CONSUMER, aggregate])
            held = claimed(worker)
            assert [row[4] for row in held] == [1, 2, 3]
            worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[0][2]])
        worker.execute(PARK, [CONSUMER, *held[0][:2], held[1][2]])
        observer.execute(decision, [CONSUMER, aggregate])
        worker.execute(PARK, [CONSUMER, *held[0][:2], held[late][2]])
        worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
        return [row[4] for row in claimed(worker)]


@pytest.mark.parametrize(("decision", "left"), [(SKIP, [3]), (RETRY, [2, 3])])
@pytest.mark.parametrize("late", [1, 2])
@pytest.mark.parametrize("alone", [False, True])
def test_a_park_after_the_decision_does_nothing(
    store: Store,
    observer: Observer,
    decision: str,
    left: list[int],
    late: int,
    alone: bool,
) -> None:
    """As of a worker whose answer was lost: it parks again, this or what is after."""
    versions = versions_after_a_late_park(store, observer, decision, late, alone=alone)
    assert versions == left


@pytest.mark.twin_of(6)
@pytest.mark.parametrize(
    ("decision", "left", "alone"),
    [(SKIP, [3], False), (RETRY, [2, 3], False), (RETRY, [2, 3], True)],
)
def test_a_park_that_overrules_the_decision_is_caught(
    store: Store,
    observer: Observer,
    twin: Callable[[str], None],
    decision: str,
    left: list[int],
    alone: bool,
) -> None:
    twin("forgetful_park")
    versions = versions_after_a_late_park(store, observer, decision, 1, alone=alone)
    assert versions != left


def test_a_seek_ends_what_runs_and_waits_for_nobody_for_long(
    store: Store, observer: Observer
) -> None:
    create(observer)
    with store.connect() as worker, store.connect() as person:
        held = claimed(worker)
        worker.execute("begin")
        worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[0][2]])
        seek = "select evident.seek_consumer(%s, 'start', 'me', 'once more')"
        seeking = Background(lambda: person.execute(seek, [CONSUMER]))
        wait_until_blocked(observer, person)
        worker.execute("commit")
        seeking.result()
        with pytest.raises(psycopg.Error) as refused:
            worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
        assert refused.value.sqlstate == "PT423"
        assert ids(claimed(worker)) == ids(held)


def test_a_consumer_that_begins_now_gets_what_commits_later(
    store: Store, observer: Observer
) -> None:
    """An event whose id is drawn before and committed after is above the position."""
    append_events(observer, [Entry(uuid.uuid4(), 0, events_of("before", 1))])
    with store.connect() as writer, store.connect() as other:
        writer.execute("begin")
        append_events(writer, [Entry(uuid.uuid4(), 0, events_of("running", 1))])
        append_events(other, [Entry(uuid.uuid4(), 0, events_of("above", 1))])
        observer.execute(
            "select evident.create_consumer(%s, 1, null, 'now')", [CONSUMER]
        )
        assert claimed(other) == []
        writer.execute("commit")
        assert ids(claimed(other)) == [2, 3]


def test_many_events_behind_a_parked_one_take_one_row(
    store: Store, observer: Observer
) -> None:
    count = scaled(10_000, 1_000_000, least=5_000)
    aggregate = create(observer)
    with store.connect() as worker:
        held = claimed(worker)
        worker.execute(PARK, [CONSUMER, *held[0][:2], held[0][2]])
        worker.execute(CONFIRM, [CONSUMER, *held[0][:2], held[-1][2]])
        for start in range(3, count + 3, 5000):
            append_events(
                observer, [Entry(aggregate, start, events_of(str(start), 5000))]
            )
        assert claimed(worker) == []
        row = observer.execute(
            "select count(*) from evident.consumer_parked"
        ).fetchone()
        assert row == (1,)
        observer.execute(RETRY, [CONSUMER, aggregate])
        versions: list[int] = []
        while rows := claimed(worker, 10_000):
            versions += [each[4] for each in rows]
            worker.execute(CONFIRM, [CONSUMER, *rows[0][:2], rows[-1][2]])
    assert versions == list(range(1, len(versions) + 1))
    assert len(versions) >= count


BLOCKS = """
select t.heap_blks_hit + t.heap_blks_read + t.idx_blks_hit + t.idx_blks_read
from pg_statio_user_tables as t
where t.relname = 'consumer_partition'
"""


def blocks(worker: Observer) -> int:
    """Count what sessions have looked at in the table so far: no clock, no load."""
    worker.execute("select pg_stat_force_next_flush()")
    worker.execute("select pg_stat_clear_snapshot()")
    row = worker.execute(BLOCKS).fetchone()
    assert row is not None
    return int(row[0])


def slowdown(store: Store, observer: Observer, rounds: int) -> float:
    """Claim and confirm beside a held snapshot; how much more the last rounds read."""
    observer.execute("select evident.drop_consumer(c.name) from evident.consumer as c")
    observer.execute("select evident.create_consumer(%s)", [CONSUMER])
    for _ in range(0, rounds, 5000):
        append_events(observer, [Entry(uuid.uuid4(), 0, events_of("e", 5000))])
    part = rounds // 10
    read = []
    with store.connect() as held, store.connect() as worker:
        held.execute("begin isolation level repeatable read")
        held.execute("select count(*) from evident.consumer_status")
        for _ in range(10):
            before = blocks(worker)
            for _ in range(part):
                rows = claimed(worker, 1)
                worker.execute(CONFIRM, [CONSUMER, *rows[0][:3]])
            read.append(blocks(worker) - before)
        held.execute("rollback")
    # Autovacuum looks at the table as well, now and then.
    return min(read[-3:]) / max(read[:3])


@pytest.mark.promise(7)
def test_beside_a_held_snapshot_claims_read_at_most_twice_as_much(
    store: Store, observer: Observer, figures: Figures
) -> None:
    factor = slowdown(store, observer, ROUNDS)
    figures.add(rounds=ROUNDS, slowdown=round(factor, 2))
    assert factor < 2


@pytest.mark.twin_of(7)
def test_rows_that_keep_their_key_are_walked_over(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    assert slowdown(store, observer, 2_500) < 2
    twin("hot_partition")
    assert slowdown(store, observer, 2_500) > 2
