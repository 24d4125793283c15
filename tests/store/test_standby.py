"""A streaming standby reads aggregates, read models, and the feed up to the stamp."""

from __future__ import annotations

import contextlib
import random
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from conftest import SETTINGS, TEMPLATE, Database, create_database, fresh_database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.checkers.bounded import first_violations
from support.checkers.feed import feed_violations
from support.checkers.ledger import ledger_violations
from support.checkers.projections import DRIFT
from support.clients.calls import Connection, Entry, append_events, events_of
from support.clients.feed_readers import Reader
from support.clients.feed_work import append_one, run_feed
from support.clients.seal_work import seal_all
from support.clients.store import LOGIN_SQL, Store
from support.clients.waiting import Background
from support.models.read_models import make_read_models
from support.seeds import scaled
from support.servers.standby import PROMPT, standby_of, wait_for_replay
from support.twins import install

pytestmark = pytest.mark.promise(6)

EVENTS = scaled(5_000, 50_000)
FEED = "select f.id from evident.read_feed() as f"
STATUS = """
select
    f.head, f.safe_position, f.lag, f.holder_pid, f.holder_name, f.holder_started_at,
    f.blockers, f.problem
from evident.feed_status as f
"""
BEHIND = """
select s.name, s.mode, s.state, s.is_stale, s.position, s.events_behind
from evident.projection_status as s
"""
LAG = "select s.consumer, s.partition, s.position, s.lag from evident.consumer_status s"
# Holder, since when, no blocker and no problem.
NOBODY = (None, None, None, 0, None)
ORDER = uuid.UUID(int=7)


@dataclass
class Pair:
    """One database, as the primary and as the standby have it."""

    here: Database
    there: Database

    def follow(self) -> None:
        wait_for_replay(self.here.server, self.there.server)


@contextlib.contextmanager
def primary_and_standby(major: int) -> Iterator[tuple[Server, Server]]:
    with ephemeral(major, SETTINGS | PROMPT) as primary, standby_of(primary) as standby:
        create_database(primary, TEMPLATE, "template0")
        migrate(primary.uri_for(TEMPLATE), examples=True)
        with connect(primary.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
        yield primary, standby


@pytest.fixture(scope="module")
def servers(major: int) -> Iterator[tuple[Server, Server]]:
    with primary_and_standby(major) as both:
        yield both


@pytest.fixture
def pair(servers: tuple[Server, Server]) -> Iterator[Pair]:
    """Give a migrated database of this test's own."""
    primary, standby = servers
    with fresh_database(primary, TEMPLATE) as here:
        pair = Pair(here, Database(here.name, standby))
        pair.follow()
        try:
            yield pair
        finally:
            pair.there.close()


@pytest.fixture
def mortal_pair(major: int) -> Iterator[Pair]:
    """Give the template itself, on two servers of this test's own."""
    with primary_and_standby(major) as both:
        pair = Pair(*(Database(TEMPLATE, server) for server in both))
        pair.follow()
        try:
            yield pair
        finally:
            pair.there.close()
            pair.here.close()


def stamp(connection: Connection) -> int:
    row = connection.execute("select evident.stamp_position()").fetchone()
    assert row is not None
    return int(row[0])


def test_what_a_reader_reads_is_there(pair: Pair) -> None:
    make_read_models(pair.here.connect(autocommit=True))
    here = Store(pair.here).connect()
    document = (
        '[{"type": "OrderCreated", "payload": {"customer_id": "4", "amount": 29.33}},'
        ' {"type": "PaymentProcessed", "payload": {"amount": 29.33}}]'
    )
    here.execute("select evident.append_events(%s, %s, 0)", [ORDER, document])
    here.execute("select evident.create_consumer('relay', 2)")
    here.execute("select * from evident.claim_events('relay', 'w')")
    here.execute("select evident.run_projection('shop.amounts')")
    assert stamp(here) == 2
    pair.follow()
    there = Store(pair.there).connect()
    for query, is_empty in [
        ("select * from evident.read_aggregate(%s)", False),
        ("select evident.aggregate_version(%s)", False),
        ("select * from shop.orders_summary where aggregate_id = %s", False),
        ("select * from evident.read_feed(0, 10) where %s is not null", False),
        ("select * from evident.read_feed(2, 10) where %s is not null", True),
        (f"{STATUS} where %s is not null", False),
        (f"{LAG} where %s is not null", False),
        ("select evident.project('shop.orders_summary', %s::text)", False),
        ("select * from evident.aggregate_at(%s, 'infinity')", False),
        (f"{DRIFT} where %s is not null", True),
        (f"{BEHIND} where %s is not null", False),
        ("select evident.wait_for_projection('shop.amounts'), %s", False),
        ("select evident.version(), %s::uuid", False),
        ("select * from evident.guard_status() where %s is not null", False),
    ]:
        primary = here.execute(query, [ORDER]).fetchall()
        assert there.execute(query, [ORDER]).fetchall() == primary, query
        assert bool(primary) != is_empty
    assert there.execute(STATUS).fetchone() == (2, 2, 0, *NOBODY)


def test_the_feed_ends_at_the_stamp(pair: Pair) -> None:
    here, there = Store(pair.here).connect(), Store(pair.there).connect()
    assert there.execute(FEED).fetchall() == []
    assert there.execute(STATUS).fetchone() == (0, 0, 0, *NOBODY)

    append_one(here)
    pair.follow()
    assert there.execute(FEED).fetchall() == []
    assert there.execute(STATUS).fetchone() == (1, 0, 1, *NOBODY)

    assert stamp(here) == 1
    pair.follow()
    assert there.execute(FEED).fetchall() == [(1,)]

    late, early = Store(pair.here).connect(), here
    late.execute("begin")
    append_one(late)
    append_one(early)
    assert stamp(here) == 1
    pair.follow()
    assert there.execute(FEED).fetchall() == [(1,)]
    assert there.execute(STATUS).fetchone() == (3, 1, 1, *NOBODY)

    late.execute("commit")
    assert stamp(here) == 3
    pair.follow()
    assert there.execute(FEED).fetchall() == [(1,), (2,), (3,)]


def test_a_standby_refuses_what_writes_and_what_has_one_snapshot(pair: Pair) -> None:
    here, there = Store(pair.here).connect(), Store(pair.there).connect()
    here.execute("select evident.create_consumer('relay')")
    append_one(here)
    stamp(here)
    pair.follow()
    for call in (
        "evident.append_event(gen_random_uuid(), 'Noted', '{}')",
        "evident.stamp_position()",
        "evident.claim_events('relay', 'w')",
        "evident.confirm_events('relay', 0, 1, 1)",
        "evident.create_consumer('other')",
    ):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            there.execute(f"select {call}".encode())
    there.execute("begin isolation level repeatable read")
    with pytest.raises(psycopg.Error) as refused:
        there.execute(FEED)
    assert refused.value.sqlstate == "PT400"
    there.execute("rollback")


def test_the_ledger_of_a_standby_can_be_checked_and_not_sealed(pair: Pair) -> None:
    here, there = Store(pair.here).connect(), Store(pair.there).connect()
    for size in (300, 1, 255):
        append_events(here, [Entry(uuid.uuid4(), 0, events_of("s", size))])
        seal_all(here)
    append_one(here)
    pair.follow()
    # Without a stamp there is nothing that it could seal.
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        there.execute("select evident.seal()")
    stamp(here)
    pair.follow()
    for query in (
        "select h.* from evident.tree_head as h",
        "select evident.root_hash(s.n) from generate_series(0, 557) as s (n)",
        "select p.* from evident.event_store as e"
        " cross join lateral evident.inclusion_proof(e.event_id) as p"
        " where e.id % 50 = 1 and e.id < 557",
        "select evident.consistency_proof(s.n, 557) from generate_series(1, 557)"
        " as s (n)",
        "select evident.read_tile(0, 2, 45), evident.read_tile(1, 0, 2)",
        "select s.origin, s.leaves, s.unsealed_events from evident.ledger_status as s",
    ):
        primary = here.execute(query.encode()).fetchall()
        assert there.execute(query.encode()).fetchall() == primary, query
        assert primary
    assert there.execute("select * from evident.verify_ledger()").fetchall() == []
    observer = pair.there.connect(autocommit=True)
    assert ledger_violations(observer, is_complete=False) == []
    for call in (
        "evident.seal()",
        "evident.begin_incarnation('a test')",
    ):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            there.execute(f"select {call}".encode())


def test_a_promoted_standby_goes_on_with_the_ledger(mortal_pair: Pair) -> None:
    here, there = Store(mortal_pair.here), Store(mortal_pair.there)
    with here.connect() as connection:
        append_events(connection, [Entry(uuid.uuid4(), 0, events_of("p", 300))])
        seal_all(connection)
        append_one(connection)
        mortal_pair.follow()
    mortal_pair.here.server.crash()
    with mortal_pair.there.connect(autocommit=True) as observer:
        assert observer.execute("select pg_promote()").fetchone() == (True,)
        with there.connect() as promoted:
            assert seal_all(promoted) == 1
            append_one(promoted)
            assert seal_all(promoted) == 1
        assert ledger_violations(observer) == []


def follow_under_load(pair: Pair, rng: random.Random, events: int) -> list[str]:
    """Append and stamp on the primary while readers follow the standby's feed."""
    here, there = Store(pair.here), Store(pair.there)
    observer = pair.here.connect(autocommit=True)
    written, stamps = threading.Event(), set[int]()

    def stamp_on() -> None:
        with here.connect() as connection:
            while not written.is_set():
                stamps.add(stamp(connection))

    stamping = Background(stamp_on)

    def stamp_the_end() -> None:
        written.set()
        stamping.result()
        stamp(observer)
        pair.follow()

    try:
        run = run_feed(
            here,
            observer,
            rng,
            events=events,
            writers=6,
            readers=2,
            with_holders=False,
            reading_from=there,
            before_the_end=stamp_the_end,
        )
    finally:
        written.set()
    print(f"{run.summary()}; {len(stamps)} stamps")
    return [v for each in run.readers for v in feed_violations(each.seen, run.log)]


def test_no_writer_in_flight_is_ever_skipped(pair: Pair, rng: random.Random) -> None:
    assert follow_under_load(pair, rng, EVENTS) == []


@pytest.mark.twin_of(6)
def test_a_stamp_of_the_last_id_is_caught(pair: Pair, rng: random.Random) -> None:
    install(pair.here.connect(autocommit=True), "head_stamp")

    def check() -> list[str]:
        return follow_under_load(pair, rng, 500)

    assert any("missed" in each for each in first_violations(check))


def test_a_promoted_standby_goes_on_where_the_feed_was(mortal_pair: Pair) -> None:
    here, there = Store(mortal_pair.here), Store(mortal_pair.there)
    connection = here.connect()
    for _ in range(5):
        append_events(connection, [Entry(uuid.uuid4(), 0, events_of("p", 3))])
    assert stamp(connection) == 15
    append_one(connection)
    connection.execute("begin")
    append_one(connection)
    mortal_pair.follow()
    reader = Reader()
    with there.connect() as replica:
        assert reader.read_page(replica, 1000) == 15

    mortal_pair.here.server.crash()
    with mortal_pair.there.connect(autocommit=True) as observer:
        assert observer.execute("select pg_promote()").fetchone() == (True,)
    with there.connect() as promoted:
        assert reader.read_page(promoted, 1000) == 1
        new = append_one(promoted)
        # The log had the sequence further than the ids that were drawn.
        assert new > 17
        assert stamp(promoted) == new
        assert reader.read_page(promoted, 1000) == 1
    log = [event.id for event in there.log()]
    assert feed_violations(reader.seen, log) == []
