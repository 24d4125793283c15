"""A dump restored elsewhere keeps order, guards, positions and projections."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest

from support.checkers.fingerprint import fingerprint
from support.checkers.projections import drift
from support.models.read_models import make_read_models
from support.servers import dumps

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.promise(17)

APPEND = "select evident.append_event(gen_random_uuid(), 'Kept', '{\"n\": 1.10}')"

CLAIM = "select c.epoch, c.id from evident.claim_events('relay', 'w') as c"

# All but the ages, and what is counted from a head that a sequence moves on.
STATUS = """
select s.name, s.mode, s.state, s.is_stale, s.position, s.failures, s.last_error
from evident.projection_status as s
where s.name in ('shop.amounts', 'shop.orders_summary', 'shop.spare', 'shop.types')
order by s.name
"""


def restore(db: Database, empty_db: Database) -> None:
    """Dump one database and restore it into another one."""
    dumps.restore(dumps.dump(db), empty_db)


def test_a_restored_dump_is_the_same_store_and_goes_on(
    db: Database, empty_db: Database
) -> None:
    with db.connect() as connection:
        for _ in range(3):
            connection.execute(APPEND)
        connection.commit()
        connection.execute("select evident.create_consumer('relay', 1)")
        connection.execute(CLAIM)
        connection.execute("select evident.confirm_events('relay', 0, 1, 2)")
        connection.execute("select evident.stamp_position()")
    restore(db, empty_db)
    old, new = db.connect(), empty_db.connect()
    assert fingerprint(new) == fingerprint(old)
    events = "select e.* from evident.event_store as e order by e.id"
    assert new.execute(events).fetchall() == old.execute(events).fetchall()
    new.execute(APPEND)
    new.commit()
    feed = new.execute("select f.id, f.event_type from evident.read_feed(3) as f")
    assert feed.fetchall() == [(4, "Kept")]
    new.execute("select evident.release_events('relay', 0, 1)")
    assert new.execute(CLAIM).fetchall() == [(2, 3), (2, 4)]
    assert new.execute("select s.position from evident.feed_stamp as s").fetchall() == [
        (3,)
    ]
    with pytest.raises(psycopg.Error) as caught:
        new.execute("delete from evident.event_store")
    assert caught.value.sqlstate == "PT403"


HEADS = "select h.* from evident.tree_head as h order by h.number"
TILES = "select t.* from evident.ledger_tile as t order by t.level, t.index"
STATED = "select s.origin, s.leaves, s.root_hash from evident.ledger_status as s"
CHANGES = "select from evident.event_store as e where e.event_type = 'GuardChanged'"


def test_the_ledger_of_a_restored_dump_is_the_same_and_goes_on(
    db: Database, empty_db: Database
) -> None:
    with db.connect(autocommit=True) as connection:
        for size in (300, 5):
            connection.execute(
                "select evident.append_events(gen_random_uuid(), jsonb_agg("
                "jsonb_build_object('type', 'Kept', 'payload',"
                " jsonb_build_object('n', 1.10 * i.n)))) "
                "from generate_series(1, %s) as i (n)",
                [size],
            )
            connection.execute("select evident.seal()")
        connection.execute(APPEND)
    restore(db, empty_db)
    old, new = db.connect(), empty_db.connect(autocommit=True)
    for query in (HEADS, TILES, STATED):
        assert new.execute(query).fetchall() == old.execute(query).fetchall()
    assert new.execute("select * from evident.verify_ledger()").fetchall() == []
    assert new.execute("select evident.seal()").fetchone() == (1,)
    assert new.execute("select evident.seal()").fetchone() == (0,)
    # Nobody's guards have changed by it.
    assert len(new.execute(CHANGES).fetchall()) == 1
    assert new.execute("select * from evident.verify_ledger()").fetchall() == []


def test_projections_of_a_restored_dump_go_on(db: Database, empty_db: Database) -> None:
    known, parked = uuid.UUID(int=7), uuid.UUID(int=8)
    append = "select evident.append_event(%s, %s, %s)"

    def order(connection: psycopg.Connection, amount: object) -> None:
        for aggregate in (known, parked):
            payload = json.dumps({"amount": amount if aggregate == parked else 2})
            connection.execute(append, [aggregate, "Noted", payload])
            connection.execute(append, [aggregate, "PaymentProcessed", '{"amount": 1}'])

    with db.connect(autocommit=True) as connection:
        make_read_models(connection)
        order(connection, "much")
        connection.execute("select evident.run_projection('shop.amounts')")
        connection.execute(
            "select evident.create_projection('shop.spare',"
            " 'shop.apply_spare(shop.spare, evident.event_store)', null)"
        )
        connection.execute("select evident.pause_projection('shop.spare')")
    restore(db, empty_db)
    old, new = db.connect(autocommit=True), empty_db.connect(autocommit=True)
    assert fingerprint(new) == fingerprint(old)
    status = old.execute(STATUS).fetchall()
    assert new.execute(STATUS).fetchall() == status
    assert [row[:6] for row in status] == [
        ("shop.amounts", "async", "running", False, 4, 1),
        ("shop.orders_summary", "sync", "running", False, 4, 0),
        ("shop.spare", "sync", "paused", False, 0, 0),
        ("shop.types", "sync", "running", False, 4, 0),
    ]
    assert drift(new) == []

    order(new, 3)
    row = new.execute(
        "select s.paid, s.version from shop.orders_summary as s"
        " where s.aggregate_id = %s",
        [known],
    ).fetchone()
    assert row == (2, 4)
    assert new.execute(
        "select t.event_type, t.events from shop.types as t order by 1"
    ).fetchall() == [("Noted", 4), ("PaymentProcessed", 4)]
    assert new.execute("select evident.run_projection('shop.amounts')").fetchall() == [
        (4,)
    ]
    skip = "select evident.skip_failure('shop.amounts', %s, 'carol', 'no amount')"
    assert new.execute(skip, [str(parked)]).fetchall() == [(3,)]
    new.execute("select evident.resume_projection('shop.spare')")
    new.execute("select evident.run_projection('shop.spare')")
    assert {row[2] for row in new.execute(STATUS).fetchall()} == {"running"}
    assert drift(new) == []
