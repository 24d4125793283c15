"""A dump restored elsewhere keeps order, guards and positions."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest
from support.fingerprint import fingerprint

if TYPE_CHECKING:
    from conftest import Database

APPEND = "select evident.append_event(gen_random_uuid(), 'Kept', '{\"n\": 1.10}')"

CLAIM = "select c.epoch, c.id from evident.claim_events('relay', 'w') as c"


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
    tool = db.server.bindir
    dump = subprocess.run(
        [tool / "pg_dump", "-d", db.dsn], check=True, capture_output=True
    ).stdout
    subprocess.run(
        [tool / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_db.dsn],
        input=dump,
        check=True,
        stdout=subprocess.DEVNULL,
    )
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
