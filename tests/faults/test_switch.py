"""Promise 17: a store moves to another server by logical replication, or by dumps.

The steps are those of docs/switching.md.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from conftest import SETTINGS, Database, create_database
from pg_evident.failure import Failure
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.programs import bindir
from pg_evident.server.temporary import ephemeral
from support.checkers.projections import drift
from support.clients.calls import Connection
from support.models.read_models import make_read_models
from support.servers import dumps, replication

pytestmark = pytest.mark.promise(17)

OLD = 15
ALL = "tables in schema evident, shop"
# All but what the read models hold.
NO_ROWS = "tables in schema evident"
APPEND = "select evident.append_event(%s, %s, %s, %s::bigint)"
NAMES = "select p.name from evident.projection as p order by p.name"
LEAVES = "select e.id, evident.leaf_hash(e) from evident.event_store as e order by e.id"
LOG = "select s.origin, s.leaves, s.root_hash from evident.ledger_status as s"
BEHIND = "select evident.safe_position()"


@pytest.fixture(scope="module")
def servers(major: int) -> Iterator[tuple[Server, Server]]:
    """Give a server of 15 whose log can be subscribed to, and one to move to."""
    try:
        bindir(OLD)
    except Failure as missing:
        pytest.skip(str(missing))
    with (
        ephemeral(OLD, {**SETTINGS, **replication.LOGICAL}) as old,
        ephemeral(major, SETTINGS) as new,
    ):
        create_database(old, "store", "template0")
        migrate(old.uri_for("store"), examples=True)
        with Database("store", old).connect(autocommit=True) as connection:
            make_read_models(connection)
        dumps.copy_roles(old, new)
        yield old, new


@pytest.fixture
def places(servers: tuple[Server, Server]) -> Iterator[tuple[Database, Database]]:
    """Give a store, and an empty database on the other server."""
    old, new = servers
    there = Database("store", new)
    create_database(new, there.name, "template0")
    here = Database("store", old)
    try:
        yield here, there
    finally:
        here.close()
        there.close()
        replication.end(here, there)
        with psycopg.connect(new.uri, autocommit=True) as connection:
            connection.execute("drop database store with (force)")


def work(connection: Connection, orders: int) -> None:
    """Append orders, have them folded, sealed and stamped."""
    for number in range(orders):
        order = uuid.uuid4()
        given = {"customer_id": f"c{number % 3}", "amount": number}
        connection.execute(APPEND, [order, "OrderCreated", json.dumps(given), 0])
        connection.execute(APPEND, [order, "PaymentProcessed", '{"amount": 5}', 1])
    run(connection)
    connection.execute("select evident.seal(), evident.stamp_position()")


def run(connection: Connection) -> None:
    """Run each projection until it has all."""
    for (name,) in connection.execute(NAMES).fetchall():
        while connection.execute(
            "select evident.run_projection(%s, 100000::bigint)", [name]
        ).fetchone() != (0,):
            pass


def states(connection: Connection) -> set[str]:
    found = connection.execute("select p.state from evident.projection as p")
    return {state for (state,) in found.fetchall()}


def goes_on(old: Connection, new: Connection, count: int) -> list[str]:
    """Work in the new place, and name what is not as it was, or stands still.

    `count` is how many events the new place has more than the old one.
    """
    found = []
    if (
        new.execute(LEAVES).fetchall()[: -count or None]
        != old.execute(LEAVES).fetchall()
    ):
        found.append("events")
    if new.execute(LOG).fetchall() != old.execute(LOG).fetchall():
        found.append("log")
    run(new)
    work(new, 3)
    if drift(new):
        found.append("drift")
    if states(new) != {"running"}:
        found.append("states")
    if new.execute("select * from evident.verify_ledger()").fetchall():
        found.append("ledger")
    stored = new.execute("select e.id from evident.event_store as e order by e.id")
    feed = new.execute("select f.id from evident.read_feed(0, 10000) as f")
    if feed.fetchall() != stored.fetchall():
        found.append("feed")
    return found


@pytest.mark.parametrize("tables", [ALL, NO_ROWS])
def test_a_store_goes_on_where_it_was_replicated_to(
    places: tuple[Database, Database], tables: str
) -> None:
    here, there = places
    old = here.connect(autocommit=True)
    work(old, 5)
    replication.copy_schema(here, there)
    replication.subscribe(here, there, tables)
    work(old, 5)
    old.execute("select evident.create_consumer('relay', 1)")
    claim = "select c.id from evident.claim_events('relay', 'w', 3) as c"
    claimed = old.execute(claim).fetchall()
    replication.catch_up(here)
    replication.end(here, there)

    new = there.connect(autocommit=True)
    with pytest.raises(psycopg.Error) as caught:
        new.execute(BEHIND)
    assert caught.value.sqlstate == "PT500"
    assert new.execute("select evident.initialize_log()").fetchall() == []
    newest = old.execute(BEHIND).fetchone()
    moved = {
        name: (was, now)
        for name, was, now in new.execute(
            "select r.* from evident.repair_sequences() as r"
        ).fetchall()
    }
    assert newest is not None
    assert moved["evident.event_store_id_seq"] == (0, newest[0])
    epoch = old.execute("select max(p.epoch) from evident.consumer_partition as p")
    assert moved["evident.consumer_epoch_seq"][1] > (epoch.fetchone() or (0,))[0]
    assert goes_on(old, new, 1) == []
    new.execute("update evident.consumer_partition set lease_expires_at = now()")
    assert new.execute(claim).fetchall() == claimed
    old.execute("select evident.drop_consumer('relay')")


def test_a_store_goes_on_from_a_dump_in_two_parts(
    places: tuple[Database, Database],
) -> None:
    here, there = places
    old = here.connect(autocommit=True)
    work(old, 5)
    replication.copy_schema(here, there)
    words = ("--data-only", "--disable-triggers")
    dumped = dumps.dump(here, *words, by=there.server)
    dumps.restore(dumped, there)
    assert goes_on(old, there.connect(autocommit=True), 0) == []
