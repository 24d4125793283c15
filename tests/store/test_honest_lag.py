"""Promise 7: lag that cannot look healthy, for a login that may only monitor."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from conftest import Database
from support.clients.store import Store

pytestmark = pytest.mark.promise(7)

Connection = psycopg.Connection[Any]

LOGIN = "evident_test_monitor"
APPEND = "select evident.append_event(%s, 'Noted', '{}', 0)"
# As if it had been appended a while ago.
OLD = """
insert into evident.event_store
    (aggregate_id, version, event_type, payload, occurred_at)
values (gen_random_uuid(), 1, 'Noted', '{}', clock_timestamp() - interval '90 seconds')
"""
FEED = """
select f.lag, f.held_seconds >= 90, f.holder_pid, f.holder_login, f.problem
from evident.feed_status as f
"""
BEHIND = """
select s.mode, s.events_behind, s.seconds_behind >= 90
from evident.projection_status as s
where s.name in ('shop.orders_summary', 'shop.daily_sales')
order by s.mode
"""
CONSUMER = """
select s.lag, s.seconds_behind >= 90 from evident.consumer_status as s
"""
VIEWS = ["feed_status", "projection_status", "consumer_status"]
# What people look at; the first three may be read by a foreign server as well.
LOOKS = [
    *(f"select * from evident.{view}" for view in [*VIEWS, "ledger_status"]),
    "select * from evident.blocker",
    "select * from evident.announcement",
    "select * from evident.guard_status()",
    "select evident.fingerprint()",
]


@pytest.fixture
def monitor(db: Database, observer: Connection) -> Iterator[Connection]:
    """Give a login that has evident_monitor and nothing else."""
    observer.execute(f"create role {LOGIN} login in role evident_monitor")
    with db.connect(user=LOGIN, autocommit=True) as connection:
        yield connection
    observer.execute(f"drop role {LOGIN}")


def append(connection: Connection) -> None:
    connection.execute(APPEND, [uuid.uuid4()])


def fold_all(connection: Connection) -> None:
    """Bring all projections and one consumer to the end of the feed."""
    connection.execute(
        "select evident.run_projection(s.name) from evident.projection_status as s"
    )
    connection.execute("select evident.create_consumer('mail')")


def held_back(store: Store, observer: Connection, monitor: Connection) -> list[Any]:
    """Hold the feed, append two events and burn ids; what the monitor is shown."""
    append(observer)
    fold_all(observer)
    with store.connect() as holder, store.connect() as writer:
        holder.execute("begin")
        append(holder)
        observer.execute(OLD)
        for _ in range(3):
            writer.execute("begin")
            append(writer)
            writer.execute("rollback")
        append(writer)
        observer.execute(
            "select evident.run_projection(s.name) from evident.projection_status as s"
        )
        pid = holder.info.backend_pid
        shown = [
            monitor.execute(query.encode()).fetchall()
            for query in (FEED, BEHIND, CONSUMER)
        ]
        shown[0] = [(*row[:2], row[2] == pid, *row[3:]) for row in shown[0]]
        holder.execute("rollback")
    return shown


HONEST = [
    [(2, True, True, "evident_test_app", None)],
    [("async", 2, True), ("sync", 0, False)],
    # The oldest that the consumer has not seen is the first, which is new.
    [(3, False)],
]


def test_a_held_feed_shows_as_lag_in_events_and_seconds(
    store: Store, observer: Connection, monitor: Connection
) -> None:
    assert held_back(store, observer, monitor) == HONEST
    observer.execute(
        "select evident.run_projection(s.name) from evident.projection_status as s"
    )
    rows = monitor.execute(BEHIND).fetchall()
    assert rows == [("async", 0, False), ("sync", 0, False)]
    assert monitor.execute(FEED).fetchall() == [(0, False, None, None, None)]


@pytest.mark.twin_of(7)
@pytest.mark.parametrize("name", ["flattering_lag", "counted_ids"])
def test_a_lag_that_flatters_or_counts_ids_is_caught(
    store: Store,
    observer: Connection,
    monitor: Connection,
    twin: Callable[[str], None],
    name: str,
) -> None:
    twin(name)
    assert held_back(store, observer, monitor) != HONEST


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_no_view_for_people_refuses_a_snapshot(
    store: Store, observer: Connection, monitor: Connection, level: str
) -> None:
    append(observer)
    observer.execute("select evident.create_consumer('mail')")
    monitor.execute(f"begin isolation level {level}".encode())
    for look in LOOKS:
        assert (
            monitor.execute(look.encode()).fetchall()
            or "blocker" in look
            or ("announcement" in look)
        )
    append(observer)
    for view in [*VIEWS, "ledger_status"]:
        query = f"select distinct v.is_snapshot from evident.{view} as v"
        assert monitor.execute(query.encode()).fetchall() == [(True,)], view
    # The second event came later than the snapshot.
    heads = monitor.execute("select f.head, f.safe_position from evident.feed_status f")
    assert heads.fetchall() == [(1, 0)]
    monitor.execute("commit")
    for view in [*VIEWS, "ledger_status"]:
        query = f"select distinct v.is_snapshot from evident.{view} as v"
        assert monitor.execute(query.encode()).fetchall() == [(False,)], view


def unseen_below_the_position(store: Store, observer: Connection) -> int:
    """Read a snapshot up to the position it is told; how many events it steps over."""
    with store.connect() as writer, store.connect() as reader:
        append(observer)
        observer.execute("select evident.stamp_position()")
        writer.execute("begin")
        append(writer)
        append(observer)
        reader.execute("begin isolation level repeatable read")
        below = (
            "select f.safe_position, (select count(*) from evident.event_store as e"
            " where e.id <= f.safe_position) from evident.feed_status as f"
        )
        reader.execute("select 1")
        reader.execute("select count(*) from evident.event_store")
        writer.execute("commit")
        row = reader.execute(below).fetchone()
        assert row is not None
        there = observer.execute(
            "select count(*) from evident.event_store as e where e.id <= %s", [row[0]]
        ).fetchone()
        assert there is not None
        assert row[0] > 0
        return int(there[0]) - int(row[1])


def test_a_snapshot_is_never_told_a_position_that_it_does_not_reach(
    store: Store, observer: Connection
) -> None:
    assert unseen_below_the_position(store, observer) == 0


@pytest.mark.twin_of(7)
def test_the_position_of_this_moment_is_caught_in_a_snapshot(
    store: Store, observer: Connection, twin: Callable[[str], None]
) -> None:
    twin("bold_snapshot")
    assert unseen_below_the_position(store, observer) == 1


def test_a_foreign_server_reads_the_status(
    db: Database, empty_db: Database, observer: Connection
) -> None:
    append(observer)
    observer.execute("select evident.create_consumer('mail')")
    far = empty_db.connect(autocommit=True)
    far.execute("create extension postgres_fdw")
    info = observer.info
    parts = {"host": info.host, "port": info.port, "dbname": db.name}
    options = ", ".join(f"{name} '{value}'" for name, value in parts.items())
    far.execute(
        f"create server s foreign data wrapper postgres_fdw options ({options});"
        " create user mapping for public server s options (user 'postgres');"
        " create schema far; import foreign schema evident limit to"
        f" ({', '.join(VIEWS)}, ledger_status) from server s into far".encode()
    )
    for view in [*VIEWS, "ledger_status"]:
        query = f"select distinct v.is_snapshot from far.{view} as v"
        assert far.execute(query.encode()).fetchall() == [(True,)], view
    assert far.execute("select f.head, f.lag from far.feed_status as f").fetchall() == [
        (1, 0)
    ]


def test_no_view_for_people_refuses_a_store_that_was_restored_in_part(
    observer: Connection, monitor: Connection
) -> None:
    observer.execute("create schema probe")
    observer.execute("create table probe.gone as select gen_random_uuid() as k, 0 as n")
    append(observer)
    fold_all(observer)
    observer.execute("drop table shop.daily_sales cascade")
    observer.execute("drop function shop.apply_account_balance cascade")
    observer.execute("alter sequence evident.event_store_id_seq restart")
    observer.execute("alter table evident.log_identity disable trigger all")
    observer.execute("alter table evident.tree_head disable trigger all")
    for table in ("feed_stamp", "log_identity", "tree_head", "ledger_state"):
        observer.execute(f"delete from evident.{table}".encode())
    for look in LOOKS:
        monitor.execute(look.encode()).fetchall()
    feed = monitor.execute("select f.lag, f.problem from evident.feed_status as f")
    lag, problem = feed.fetchall()[0]
    assert lag == 1
    assert "evident.repair_sequences()" in problem
    assert "evident.initialize_log()" in problem
    ledger = monitor.execute("select s.problem from evident.ledger_status as s")
    assert "evident.initialize_log()" in ledger.fetchall()[0][0]
    rows = monitor.execute(
        "select s.name, s.is_stale from evident.projection_status as s"
        " where s.name in ('shop.daily_sales', 'shop.account_balance')"
    )
    assert dict(rows.fetchall()) == {
        "shop.daily_sales": True,
        "shop.account_balance": True,
    }


def scans(node: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Give each scan of the events in a plan, and how many rows it read in all."""
    if node.get("Relation Name") == "event_store":
        yield node["Node Type"], node["Actual Rows"] * node["Actual Loops"]
    for each in node.get("Plans", []):
        yield from scans(each)


@pytest.mark.parametrize("view", [*VIEWS, "ledger_status"])
def test_a_lag_of_any_size_costs_a_walk_over_10000_ids(
    observer: Connection, view: str
) -> None:
    fold_all(observer)
    # Every third id, as if others had been burnt.
    observer.execute("alter sequence evident.event_store_id_seq increment 3")
    observer.execute(
        "alter table evident.event_store disable trigger user;"
        " insert into evident.event_store (aggregate_id, version, event_type, payload)"
        " select gen_random_uuid(), 1, 'Noted', '{}' from generate_series(1, 30000);"
        " analyze evident.event_store"
    )
    lag = {"projection_status": "events_behind", "ledger_status": "unsealed_events"}
    column = lag.get(view, "lag")
    query = f"select max(v.{column}) from evident.{view} as v"
    if view != "feed_status":
        counted = observer.execute(query.encode()).fetchone()
        assert counted is not None and 29_900 < counted[0] < 30_100
    row = observer.execute(
        f"explain (analyze, format json) select * from evident.{view}".encode()
    ).fetchone()
    assert row is not None
    found = list(scans(row[0][0]["Plan"]))
    assert found and all(kind != "Seq Scan" for kind, _ in found)
    assert sum(rows for _, rows in found) <= 10_000 + 20
