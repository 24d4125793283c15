"""Promises 6 and 13 on a server whose clock goes back by hours and on by years."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Database, fresh_database
from report.evidence import Figures
from support.checkers.feed import feed_violations
from support.clients.calls import Connection, Entry, append_event, append_events
from support.clients.consumer_work import run_consumer
from support.clients.consumer_workers import CLAIM, CONFIRM, CONSUMER, RELEASE
from support.clients.feed_work import run_feed
from support.clients.projection_steps import added
from support.clients.projection_work import violations
from support.clients.seal_work import run_sealing, seal_all
from support.clients.store import LOGIN_SQL, Store
from support.models.ledger_lab import Lab, done
from support.models.projection_models import ASYNC, SYNC, make_models
from support.seeds import scaled
from support.servers.clocks import MOVES, Clock, server_with_clock, template_of
from support.servers.dumps import dump, restore

pytestmark = pytest.mark.faults

Observer = psycopg.Connection[Any]

EVENTS = scaled(400, 6_000)
BACKWARDS = """
select count(*)
from (
    select e.occurred_at < lag(e.occurred_at) over (order by e.id)
    from evident.event_store as e
) as s (goes_back)
where s.goes_back
"""
STAMPS = """
select e.version, e.occurred_at from evident.event_store as e
where e.aggregate_id = %s
order by e.version
"""
GAPS = """
select e.aggregate_id from evident.event_store as e
group by e.aggregate_id
having count(*) <> max(e.version)
"""
OTHER_IDS = """
select count(*) from evident.event_store as e where e.event_id::text !~ '^.{14}7'
"""
LEAVES = "select e.id, evident.leaf_hash(e) from evident.event_store as e order by e.id"
# In milliseconds; longer than anybody waits here.
LEASE = 1_200_000
# By the summary of block ranges, which is lossy only upwards, and without.
BETWEEN = """
select array_agg(e.id order by e.id)
from evident.event_store as e
where e.occurred_at between %s and %s
"""


@pytest.fixture(scope="module")
def clock(major: int) -> Iterator[Clock]:
    with server_with_clock(major) as found:
        template_of(found, LOGIN_SQL)
        yield found


@pytest.fixture
def db(clock: Clock) -> Iterator[Database]:
    """Give a database of its own on that server; its clock is right again."""
    clock.move("+0")
    with fresh_database(clock.server, "clocked") as database:
        yield database


@pytest.fixture
def store(db: Database) -> Store:
    return Store(db)


def backwards(observer: Observer) -> int:
    (count,) = observer.execute(BACKWARDS).fetchone() or (0,)
    return int(count)


@pytest.mark.promise(6, 2)
def test_the_feed_is_whole_and_in_order_whatever_the_clock_does(
    clock: Clock, store: Store, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    before = clock.moves
    with clock.restless(rng):
        run = run_feed(store, observer, rng, events=EVENTS)
    print(run.summary())
    for reader in run.readers:
        assert feed_violations(reader.seen, run.log) == []
    assert observer.execute(GAPS).fetchall() == []
    # They are unique by a key; here, that they still are what they are called.
    assert observer.execute(OTHER_IDS).fetchone() == (0,)
    assert clock.moves - before > 1
    figures.add(
        clock_moves=clock.moves - before,
        events_stamped_backwards=backwards(observer),
    )


@pytest.mark.promise(6)
def test_leases_never_give_events_to_two_workers_whatever_the_clock_does(
    clock: Clock, store: Store, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    with clock.restless(rng):
        done = run_consumer(store, observer, rng, events=EVENTS, partitions=3)
    print(done.summary())
    assert done.violations() == []
    assert done.outcomes()["PT423"] > 0
    figures.add(confirmations_under_moved_clocks=done.outcomes()["ok"])


@pytest.mark.promise(6)
def test_a_lease_ends_early_or_late_with_the_clock_and_is_fenced_all_the_same(
    clock: Clock, store: Store, observer: Observer
) -> None:
    with store.connect() as one, store.connect() as two:
        append_event(one, [Entry(uuid.uuid4(), 0, added())])
        observer.execute("select evident.create_consumer(%s)", [CONSUMER])

        def claim(connection: Connection) -> list[tuple[Any, ...]]:
            return connection.execute(CLAIM, [CONSUMER, "w", 10, LEASE]).fetchall()

        def confirm(connection: Connection, row: tuple[Any, ...]) -> str | None:
            try:
                connection.execute(CONFIRM, [CONSUMER, row[0], row[1], row[2]])
            except psycopg.Error as error:
                return error.sqlstate
            return None

        (first,) = claim(one)
        assert claim(two) == []
        clock.move("+1h")
        (second,) = claim(two)
        assert confirm(one, first) == "PT423"
        # Set back: nobody else gets it before the clock is there again, unless it is
        # given back, and who has it goes on.
        clock.move("-5h")
        assert claim(one) == []
        observer.execute(RELEASE, [CONSUMER, *second[:2]])
        (third,) = claim(one)
        assert confirm(two, second) == "PT423"
        clock.move("+1y")
        assert confirm(one, third) is None


def waiting_violations(clock: Clock, store: Store, observer: Observer) -> list[str]:
    """Claim from busy partitions, one of them once by a clock that is wrong."""
    turns = 12
    observer.execute("select evident.create_consumer(%s, 3)", [CONSUMER])
    seen: Counter[int] = Counter()
    with store.connect() as connection:
        for turn in range(turns):
            clock.move("+1y" if turn == 1 else "+0")
            for number in range(1, 13):
                append_event(connection, [Entry(uuid.UUID(int=number), None, added())])
            rows = connection.execute(CLAIM, [CONSUMER, "w", 100, LEASE]).fetchall()
            connection.execute(CONFIRM, [CONSUMER, *rows[-1][:3]])
            seen[rows[0][0]] += 1
    return [
        f"partition {each} had {seen[each]} of {turns} turns"
        for each in range(3)
        if seen[each] != turns // 3
    ]


@pytest.mark.promise(6)
def test_a_clock_that_was_set_back_keeps_no_partition_waiting(
    clock: Clock, store: Store, observer: Observer
) -> None:
    assert waiting_violations(clock, store, observer) == []


@pytest.mark.twin_of(6)
def test_turns_by_the_clock_are_caught(
    clock: Clock, store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("claim_by_clock")
    assert found_first(waiting_violations(clock, store, observer))


def found_first(found: list[str]) -> bool:
    for each in found[:1]:
        print(f"caught: {each}")
    return bool(found)


@pytest.mark.promise(13)
def test_the_ledger_verifies_whatever_the_clock_does(
    clock: Clock,
    store: Store,
    db: Database,
    observer: Observer,
    template: str,
    empty_db: Database,
    rng: random.Random,
    tmp_path: Path,
    figures: Figures,
) -> None:
    with clock.restless(rng):
        found = run_sealing(store, observer, rng, events=EVENTS, sealers=2)
        # Once a day there is a tree head also where nothing is new.
        assert [each for each in found if not says_the_same(each)] == []
        lab = Lab(db, tmp_path / "outside")
        lab.build()
        said = done(lab.verify(lab.earlier))
        seal_all(observer)
    print(said[:1000])
    assert not lab.ledger_finds()
    restore(dump(db), empty_db)
    with empty_db.connect() as elsewhere:
        assert elsewhere.execute(LEAVES).fetchall() == (
            observer.execute(LEAVES).fetchall()
        )
        problems = "select * from evident.verify_ledger()"
        assert elsewhere.execute(problems).fetchall() == []
    figures.add(events_sealed_under_moved_clocks=len(store.log()))


def says_the_same(violation: str) -> bool:
    words = violation.replace(" of ", " ").split()
    sizes = [word for word in words if word.isdigit()]
    is_pair = violation.startswith("a tree of") and len(sizes) == 2
    return is_pair and sizes[0] == sizes[1]


def moment_violations(
    clock: Clock, store: Store, observer: Observer, rng: random.Random
) -> list[str]:
    """Append by clocks that go back and on, then look back at moments they showed."""
    make_models(observer, [SYNC, ASYNC])
    aggregates = [uuid.UUID(int=each) for each in range(1, 4)]
    with store.connect() as connection:
        for number in range(scaled(60, 600)):
            clock.move(MOVES[-1] if number == 0 else rng.choice(MOVES))
            entry = Entry(rng.choice(aggregates), None, added(count=rng.randint(1, 3)))
            append_events(connection, [entry])
    assert backwards(observer) > 0
    found = violations(store, observer, [SYNC, ASYNC])
    for aggregate in aggregates:
        stamps = observer.execute(STAMPS, [aggregate]).fetchall()
        for _, moment in rng.sample(stamps, min(20, len(stamps))):
            newest = max(version for version, at in stamps if at <= moment)
            then = shown(observer, aggregate, "p_until", moment)
            if then != shown(observer, aggregate, "p_until_version", newest):
                found.append(f"at {moment} {then} is no row that was")
            rows = observer.execute(
                "select a.version from evident.aggregate_at(%s, %s) as a",
                [aggregate, moment],
            ).fetchall()
            if set(rows) != {(newest,)}:
                found.append(f"at {moment} version {rows}, not {newest}")
    return found


@pytest.mark.promise(6, 8)
def test_a_moment_gives_a_row_that_was_and_no_event_is_lost_to_an_index(
    clock: Clock, store: Store, observer: Observer, rng: random.Random
) -> None:
    assert moment_violations(clock, store, observer, rng) == []
    observer.execute("analyze evident.event_store")
    check_index(observer, rng)


@pytest.mark.twin_of(8)
def test_a_moment_that_leaves_events_out_is_caught(
    clock: Clock,
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
) -> None:
    twin("moment_by_stamp")
    assert found_first(moment_violations(clock, store, observer, rng))


def shown(
    observer: Observer, aggregate: uuid.UUID, until: str, value: object
) -> dict[str, Any]:
    row = observer.execute(
        f"select evident.project(%s, %s, {until} => %s)".encode(),
        [SYNC.name, str(aggregate), value],
    ).fetchone()
    assert row is not None
    return dict(row[0])


def check_index(observer: Observer, rng: random.Random) -> None:
    """Compare what the index finds of random spans with what is there."""
    observer.execute(
        "select brin_summarize_new_values('evident.event_store_occurred_at_idx')"
    )
    stamps = [
        row[0]
        for row in observer.execute(
            "select e.occurred_at from evident.event_store as e"
        ).fetchall()
    ]
    for _ in range(20):
        span = sorted(rng.sample(stamps, 2))
        observer.execute("set enable_seqscan = off")
        found = observer.execute(BETWEEN, span).fetchone()
        observer.execute("set enable_seqscan = on")
        observer.execute("set enable_bitmapscan = off")
        assert observer.execute(BETWEEN, span).fetchone() == found
        observer.execute("reset all")
