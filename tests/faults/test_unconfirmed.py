"""Promise 16: what an answer means while the required standby is away."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import Diagnostic

from support.clients.calls import Connection, Entry, append_event, events_of
from support.clients.store import Store
from support.clients.waiting import Background, wait_for
from support.servers.clusters import store_on_its_own
from support.servers.failover import HUNG, Moving, moving

pytestmark = [pytest.mark.promise(16), pytest.mark.faults]

INTERRUPT = "select {}(a.pid) from pg_stat_activity as a where a.wait_event = 'SyncRep'"
LOCAL_ONLY = (
    "The transaction has already committed locally, but might not have been replicated"
    " to the standby."
)
LONG = """
exists (
    select
    from pg_stat_activity as a
    where
        a.wait_event = 'SyncRep'
        and a.query_start < clock_timestamp() - interval '2 seconds'
)
"""
CLAIM = "select c.id from evident.claim_events('relay', 'w') as c"


@pytest.fixture(scope="module")
def pair(major: int) -> Iterator[Moving]:
    """Give a store whose required standby is away when a test begins."""
    with store_on_its_own(major) as home, moving(home) as moved:
        with Store(home).connect() as connection:
            connection.execute("select evident.create_consumer('relay')")
        yield moved


@pytest.fixture
def cut(pair: Moving) -> Iterator[Moving]:
    """Take away the standby, and move to it at the end."""
    standby = pair.attach()
    standby.stop()
    yield pair
    if pair.standby is not None:
        pair.fail_over()
    pair.require("")


class Client:
    """One who appends an event and notes what the server says beside the answer."""

    def __init__(self, store: Store, *settings: str) -> None:
        self.aggregate = uuid.uuid4()
        self.notices: list[tuple[str | None, ...]] = []
        self.connection = store.connect()
        self.connection.add_notice_handler(self.note)
        for each in settings:
            self.connection.execute(f"set {each}".encode())

    def note(self, said: Diagnostic) -> None:
        parts = (said.severity_nonlocalized, said.sqlstate, said.message_detail)
        self.notices.append(parts)

    def append(self) -> Background[tuple[int, ...]]:
        entry = Entry(self.aggregate, 0, events_of("alone", 1))
        return Background(lambda: append_event(self.connection, [entry]))


def is_stored(connection: Connection, aggregate: uuid.UUID) -> bool:
    return connection.execute(
        "select evident.aggregate_version(%s)", [aggregate]
    ).fetchone() == (1,)


def interrupt(moved: Moving, function: str) -> None:
    with moved.db.connect(autocommit=True) as owner:
        wait_for(owner, HUNG)
        owner.execute(INTERRUPT.format(function).encode())


def is_there_after_the_failover(moved: Moving, client: Client) -> bool:
    store = Store(moved.db)
    moved.fail_over()
    with store.connect() as connection:
        return is_stored(connection, client.aggregate)


def test_nobody_sees_an_event_before_the_standby_has_it_and_no_timeout_ends_the_wait(
    cut: Moving,
) -> None:
    store = Store(cut.db)
    client = Client(store, "statement_timeout = '100ms'")
    appending = client.append()
    with cut.db.connect(autocommit=True) as owner, store.connect() as other:
        wait_for(owner, LONG)
        assert not appending.is_done()
        assert not is_stored(other, client.aggregate)
        feed = other.execute("select f.aggregate_id from evident.read_feed() as f")
        assert (client.aggregate,) not in feed.fetchall()
        row = owner.execute("select s.holder_pid from evident.feed_status as s")
        assert row.fetchone() == (client.connection.info.backend_pid,)
        assert cut.standby is not None
        cut.standby.start()
        assert appending.result() == (1,)
    assert client.notices == []
    assert is_there_after_the_failover(cut, client)


def test_an_answer_after_a_cancelled_wait_comes_with_a_warning_and_can_be_lost(
    cut: Moving,
) -> None:
    client = Client(Store(cut.db))
    appending = client.append()
    interrupt(cut, "pg_cancel_backend")
    assert appending.result() == (1,)
    assert client.notices == [("WARNING", "01000", LOCAL_ONLY)]
    assert not is_there_after_the_failover(cut, client)


def test_who_hides_warnings_does_not_learn_that_the_wait_was_cancelled(
    cut: Moving,
) -> None:
    client = Client(Store(cut.db), "client_min_messages = 'error'")
    appending = client.append()
    interrupt(cut, "pg_cancel_backend")
    assert appending.result() == (1,)
    assert client.notices == []
    assert not is_there_after_the_failover(cut, client)


def test_a_terminated_wait_is_never_an_answer(cut: Moving) -> None:
    client = Client(Store(cut.db))
    appending = client.append()
    interrupt(cut, "pg_terminate_backend")
    with pytest.raises(psycopg.OperationalError):
        appending.result()
    assert not is_there_after_the_failover(cut, client)


def test_a_restarted_primary_shows_what_the_standby_lacks_but_no_claim_gives_it(
    cut: Moving,
) -> None:
    store = Store(cut.db)
    client = Client(store)
    appending = client.append()
    with cut.db.connect(autocommit=True) as owner:
        wait_for(owner, HUNG)
    cut.db.server.crash()
    with pytest.raises(psycopg.OperationalError):
        appending.result()
    cut.db.server.start()
    with store.connect() as connection:
        feed = connection.execute("select f.aggregate_id from evident.read_feed() as f")
        assert (client.aggregate,) in feed.fetchall()
    claimer = store.connect()
    claiming = Background(lambda: claimer.execute(CLAIM).fetchall())
    with cut.db.connect(autocommit=True) as owner:
        wait_for(owner, HUNG)
    assert not claiming.is_done()
    assert not is_there_after_the_failover(cut, client)
    with pytest.raises(psycopg.OperationalError):
        claiming.result()
