"""Promise 29: what was copied in part is an error with a way out, and never a hang."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from conftest import Database
from support import twins
from support.checkers.errors import CONTRACT, SERVER
from support.checkers.projections import drift
from support.clients.calls import Connection
from support.clients.every_call import CALLS
from support.clients.waiting import Background, wait_until_blocked
from support.servers import dumps

pytestmark = pytest.mark.promise(29)

ORDERS = "shop.orders_summary"
REPAIR = "select r.* from evident.repair_sequences() as r"
CHANGED = "select g.kind, g.name from evident.guard_status() as g where not g.is_intact"
APPEND = "select evident.append_event(gen_random_uuid(), 'Noted', '{}', %s::bigint)"
# What the worker of a subscription leaves, or a COPY of the events alone.
INSERT = """
insert into evident.event_store (id, aggregate_id, version, event_type, payload)
overriding system value
select n.id, gen_random_uuid(), 1, 'Noted', '{}'
from generate_series(%s::bigint, %s::bigint) as n (id)
"""
# An append with each expectation, of each function, and all who read the feed.
WAYS = {
    "append, new": APPEND.replace("%s", "0"),
    "append, any version": APPEND.replace("%s", "null"),
    "append, with event_id": "select evident.append_event("
    "gen_random_uuid(), 'Noted', '{}', 0, '{}', gen_random_uuid())",
    "append_events": "select evident.append_events("
    'gen_random_uuid(), \'[{"type": "Noted", "payload": {}}]\')',
    "safe_position": "select evident.safe_position()",
    "read_feed": "select * from evident.read_feed(0)",
    "seal": "select evident.seal()",
    "stamp_position": "select evident.stamp_position()",
}
ROWS = ["baseline", "feed_stamp", "ledger_state", "log_identity", "tree_head"]


@pytest.fixture
def bare(db: Database, empty_db: Database) -> Connection:
    """Give a database made from a dump of the schema alone."""
    dumps.restore(dumps.dump(db, "--schema-only"), empty_db)
    connection = empty_db.connect(autocommit=True)
    connection.cursor_factory = psycopg.ClientCursor
    connection.execute("set statement_timeout = '20s'")
    return connection


def outcome(connection: Connection, call: str, args: list[Any] | None = None) -> str:
    """Give the SQLSTATE of a call, empty when it succeeds."""
    try:
        connection.execute(call.encode(), args).fetchall()
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return ""


def hangs_and_surprises(
    connection: Connection, limit: str, names: Iterable[str]
) -> list[tuple[str, str]]:
    """Call functions, and name what times out or ends otherwise than documented."""
    connection.execute(f"set statement_timeout = '{limit}'".encode())
    allowed = {"", *CONTRACT, *SERVER}
    return [
        (call, code)
        for name in names
        for call, args in CALLS[name]
        if (code := outcome(connection, call, args)) not in allowed
    ]


def silent(connection: Connection) -> list[str]:
    """Name what says that it did its work, where there is no row to do it with."""
    calls = {
        "stamp": "select evident.stamp_position()",
        "seal": "select evident.seal()",
        "root": "select evident.root_hash(0)",
        "incarnation": "select evident.begin_incarnation('r')",
    }
    return [
        name for name, call in calls.items() if outcome(connection, call) != "PT500"
    ]


def test_each_call_on_an_empty_copy_ends_as_documented(bare: Connection) -> None:
    assert hangs_and_surprises(bare, "5s", CALLS) == []


def test_whatever_needs_a_missing_row_says_so(bare: Connection) -> None:
    assert silent(bare) == []
    with pytest.raises(psycopg.Error) as caught:
        bare.execute("select evident.stamp_position()")
    assert caught.value.diag.message_hint is not None
    assert "evident.initialize_log()" in caught.value.diag.message_hint


def test_an_empty_copy_is_made_whole(bare: Connection) -> None:
    made = bare.execute("select evident.initialize_log()").fetchall()
    assert sorted(name for (name,) in made) == ROWS
    assert bare.execute("select evident.initialize_log()").fetchall() == []
    bare.execute(APPEND, [0])
    assert bare.execute("select evident.stamp_position()").fetchone() == (1,)
    assert bare.execute("select evident.seal()").fetchone() == (1,)
    assert bare.execute("select * from evident.verify_ledger()").fetchall() == []
    # What was made for projections is not intact before they are registered.
    changed = [name for _, name in bare.execute(CHANGED).fetchall()]
    assert [name for name in changed if "shop." not in name] == []


FRESH = (
    "select evident.create_projection('shop.orders_summary',"
    " 'shop.apply_orders_summary(shop.orders_summary, evident.event_store)',"
    " array['OrderCreated', 'PaymentProcessed', 'ItemShipped'])"
)


def registered_anew(bare: Connection) -> list[str]:
    """Register a read model whose triggers came with the schema; give its drift."""
    bare.execute("select evident.initialize_log()")
    order(bare, uuid.uuid4(), 0)
    bare.execute("truncate shop.orders_summary, shop.account_balance")
    bare.execute(FRESH)
    # While it catches up, nothing else may fold.
    for version in range(2):
        order(bare, uuid.UUID(int=9), version)
    bare.execute("select evident.run_projection(%s)", [ORDERS])
    return drift(bare)


def test_a_projection_is_registered_anew(bare: Connection) -> None:
    assert registered_anew(bare) == []
    order(bare, uuid.UUID(int=9), 2)
    assert drift(bare) == []
    changed = {name for _, name in bare.execute(CHANGED).fetchall()}
    assert [name for name in changed if "orders_summary" in name] == []
    # Those that are not registered are told.
    assert [name for name in changed if "account_balance" in name] != []
    assert [name for name in changed if "shop." not in name] == []


@pytest.mark.twin_of(29)
def test_triggers_that_came_with_the_schema_are_found(bare: Connection) -> None:
    twins.install(bare, "orphaned_triggers")
    assert registered_anew(bare) != []


@pytest.mark.twin_of(29)
def test_a_loop_that_waits_for_a_row_is_found(bare: Connection) -> None:
    twins.install(bare, "endless_root")
    bare.execute(
        "insert into evident.log_identity (incarnation, log_id, name, reason,"
        " tree_size) values (1, gen_random_uuid(), 'evident', 'copied', 0)"
    )
    assert ("select evident.seal()", "57014") in hangs_and_surprises(
        bare, "500ms", ["seal"]
    )


@pytest.mark.twin_of(29)
def test_a_stamp_that_is_nowhere_is_found(bare: Connection) -> None:
    twins.install(bare, "silent_stamp")
    assert silent(bare) == ["stamp"]


@pytest.mark.parametrize("lost", ["log_identity", "tree_head"])
def test_a_log_that_lost_a_part_is_not_begun_anew(db: Database, lost: str) -> None:
    with db.connect(autocommit=True) as connection:
        connection.execute(APPEND, [0])
        connection.execute("select evident.seal()")
        connection.execute("set session_replication_role = replica")
        for state in ("disable", "enable always"):
            for guard in (f"{lost}_history", f"{lost}_history_rows"):
                connection.execute(
                    f"alter table evident.{lost} {state} trigger {guard}".encode()
                )
            if state == "disable":
                connection.execute(f"delete from evident.{lost}".encode())
        connection.execute("reset session_replication_role")
        assert outcome(connection, "select evident.seal()") == "PT500"
        assert outcome(connection, "select evident.initialize_log()") == "PT500"
        row = connection.execute(f"select from evident.{lost}".encode()).fetchone()
        assert row is None


def copy_events(connection: Connection, first: int, last: int) -> None:
    """Store events with these ids, their sequence and triggers untouched."""
    connection.execute("set session_replication_role = replica")
    connection.execute(INSERT, [first, last])
    connection.execute("reset session_replication_role")


def unseen(connection: Connection) -> list[str]:
    """Name what goes on as if a sequence that is behind its rows were right."""
    return [name for name, call in WAYS.items() if outcome(connection, call) != "PT500"]


def test_a_sequence_behind_its_rows_is_seen_by_all(db: Database) -> None:
    with db.connect(autocommit=True) as connection:
        copy_events(connection, 1, 5_000)
        assert unseen(connection) == []
        moved = connection.execute(REPAIR).fetchall()
        assert ("evident.event_store_id_seq", 0, 5_000) in moved
        assert connection.execute(APPEND, [0]).fetchone() == (1,)
        feed = connection.execute("select count(*) from evident.read_feed(0, 10000)")
        assert feed.fetchone() == (5_002,)


@pytest.mark.twin_of(29)
def test_a_feed_that_ends_with_its_sequence_is_found(db: Database) -> None:
    with db.connect(autocommit=True) as connection:
        copy_events(connection, 1, 5_000)
        twins.install(connection, "silent_sequence")
        assert {"read_feed", "safe_position", "seal"} <= set(unseen(connection))


@pytest.mark.parametrize("is_new", [True, False])
def test_ids_that_readers_have_passed_are_not_given_again(
    db: Database, is_new: bool
) -> None:
    """Set the sequence back into a gap, where no id is taken.

    A session that planned its appends before stores one: then the feed says so.
    """
    with db.connect(autocommit=True) as connection:
        copy_events(connection, 1, 10)
        copy_events(connection, 100, 100)
        connection.execute(REPAIR)
        connection.execute("select evident.stamp_position()")
        connection.execute(APPEND, [0])
        connection.execute("select setval('evident.event_store_id_seq', 20)")
        writer = db.connect(autocommit=True) if is_new else connection
        stored = outcome(writer, WAYS["append, new"])
        assert stored == ("PT500" if is_new else "")
        for name in ("safe_position", "read_feed", "seal", "stamp_position"):
            assert outcome(writer, WAYS[name]) == "PT500", name
        notices: list[str | None] = []
        connection.add_notice_handler(
            lambda found: notices.append(found.message_primary)
        )
        connection.execute(REPAIR)
        told = [each for each in notices if each and "below the stamp" in each]
        assert len(told) == (0 if is_new else 1)
        assert outcome(writer, WAYS["append, new"]) == ""


def test_a_repair_waits_for_no_append_without_limit(db: Database) -> None:
    with db.connect(autocommit=True) as connection:
        copy_events(connection, 1, 10)
        other = db.connect()
        other.execute("lock table evident.event_store in row exclusive mode")
        assert outcome(connection, REPAIR) == "55P03"
        states = connection.execute("select p.state from evident.projection as p")
        assert {state for (state,) in states.fetchall()} == {"running"}
        assert outcome(connection, WAYS["read_feed"]) == "PT500"
        other.rollback()
        assert outcome(connection, REPAIR) == ""


def test_appends_beside_a_repair_are_in_the_feed(db: Database) -> None:
    repairer, writer = db.connect(), db.connect(autocommit=True)
    with db.connect(autocommit=True) as connection:
        copy_events(connection, 1, 10)
        repairer.execute(REPAIR)
        task = Background(lambda: writer.execute(APPEND, [0]).fetchone())
        wait_until_blocked(connection, writer)
        repairer.commit()
        assert task.result() == (1,)
        feed = connection.execute("select f.id from evident.read_feed(10) as f")
        assert len(feed.fetchall()) == 2


def order(connection: Connection, aggregate: uuid.UUID, version: int) -> None:
    connection.execute(
        "select evident.append_event(%s, %s, %s, %s::bigint)",
        [
            aggregate,
            "PaymentProcessed" if version else "OrderCreated",
            json.dumps({"amount": 5, "customer_id": "c"}),
            version,
        ],
    )


def copied_and_repaired(connection: Connection, has_rows: bool) -> uuid.UUID:
    """Copy events of an order without their triggers, then repair the sequences."""
    known = uuid.uuid4()
    for version in range(3):
        order(connection, known, version)
    connection.execute("set session_replication_role = replica")
    for version in range(3, 6):
        connection.execute(
            "insert into evident.event_store (id, aggregate_id, version,"
            " event_type, payload) overriding system value"
            " values (%s, %s, %s, 'PaymentProcessed', '{\"amount\": 5}')",
            [version + 1, known, version + 1],
        )
    if has_rows:
        connection.execute("delete from shop.orders_summary")
        connection.execute(
            "insert into shop.orders_summary select r.*"
            " from jsonb_populate_record(null::shop.orders_summary,"
            " evident.project('shop.orders_summary', %s)) as r",
            [str(known)],
        )
    connection.execute("reset session_replication_role")
    connection.execute(REPAIR)
    return known


@pytest.mark.parametrize("has_rows", [True, False])
def test_no_read_model_misses_an_event_or_folds_it_twice(
    db: Database, has_rows: bool
) -> None:
    """Events come without triggers, the rows of the read model with them or not."""
    with db.connect(autocommit=True) as connection:
        known = copied_and_repaired(connection, has_rows)
        state = (
            "select p.state, p.position from evident.projection as p where p.name = %s"
        )
        assert connection.execute(state, [ORDERS]).fetchone() == ("catching_up", 0)
        assert connection.execute(
            "select evident.wait_for_projection(%s, 4, '0')", [ORDERS]
        ).fetchone() == (False,)
        written = connection.execute("select evident.run_projection(%s)", [ORDERS])
        assert written.fetchone() == (0 if has_rows else 1,)
        assert drift(connection) == []
        order(connection, known, 6)
        assert drift(connection) == []
        assert connection.execute(state, [ORDERS]).fetchone() == ("running", 7)


@pytest.mark.twin_of(29)
@pytest.mark.twin_of(17)
def test_a_repair_that_trusts_read_models_is_found(db: Database) -> None:
    with db.connect(autocommit=True) as connection:
        twins.install(connection, "trusting_repair")
        copied_and_repaired(connection, False)
        connection.execute("select evident.run_projection(%s)", [ORDERS])
        assert drift(connection) != []
