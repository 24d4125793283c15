"""Promise 16: where history is lost, everybody who knows more is told so."""

from __future__ import annotations

import json
import random
import uuid
from pathlib import Path

import psycopg
import pytest

from conftest import Database
from pg_evident.failure import Failure
from report.evidence import Figures
from support.checkers.lost import (
    confirmed_unwritten,
    forget_lost,
    leave_out,
    suffix_violations,
)
from support.clients import relays
from support.clients.calls import Connection, Entry, append_events, events_of
from support.clients.publishing import Outside, outside, tree_size
from support.clients.seal_work import seal_all
from support.clients.store import Store
from support.clients.workload import Workload
from support.seeds import scaled
from support.servers import dumps
from support.servers.clusters import store_on_its_own
from support.servers.failover import moving
from support.servers.standby import wait_for_replay

pytestmark = [pytest.mark.promise(16), pytest.mark.faults]

EVENTS = scaled(60, 1_000)
RELAY = ("relay", "--once", "--partitions", "1", "--out")
RELAY_IN_PARTS = ("relay", "--once", "--partitions", "3", "--out")
NO_LOOK = """
from pg_evident.relay import run as relay, steps as relay_steps
relay.require_events = relay_steps.require_events = lambda *words: None
"""
FEED = "select f.id from evident.read_feed(%s) as f"


def append(connection: Connection, aggregates: int, events: int) -> None:
    for _ in range(aggregates):
        append_events(connection, [Entry(uuid.uuid4(), 0, events_of("lost", events))])


@pytest.fixture
def restored(store: Store, empty_db: Database, tmp_path: Path) -> Store:
    """Give a store restored from a dump, behind which all went on for a while."""
    with store.connect() as connection:
        append(connection, 10, 2)
        assert relays.run(store, *RELAY, str(tmp_path / "file"))[0] == 0
        dumped = dumps.dump(store.db)
        append(connection, 10, 3)
        assert relays.run(store, *RELAY, str(tmp_path / "file"))[0] == 0
    dumps.restore(dumped, empty_db)
    return Store(empty_db)


def test_a_reader_that_is_ahead_of_the_store_is_told(restored: Store) -> None:
    with restored.connect() as connection:
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(FEED, [50])
        assert refused.value.sqlstate == "PT400"
        assert "set back" in (refused.value.diag.message_hint or "")
        assert len(connection.execute(FEED, [0]).fetchall()) == 20
        assert connection.execute(FEED, [20]).fetchall() == []


def test_no_reader_misses_an_event_when_lost_ids_are_left_out(restored: Store) -> None:
    leave_out(restored.db.connect(autocommit=True), 50)
    with restored.connect() as connection:
        assert connection.execute(FEED, [50]).fetchall() == []
        append(connection, 3, 1)
        assert connection.execute(FEED, [50]).fetchall() == [(51,), (52,), (53,)]


def test_a_claim_of_the_lost_history_confirms_nothing_when_epochs_are_left_out(
    store: Store, empty_db: Database
) -> None:
    claim = "select c.epoch, c.id from evident.claim_events('relay', 'w') as c"
    with store.connect() as connection:
        connection.execute("select evident.create_consumer('relay')")
        dumped = dumps.dump(store.db)
        append(connection, 1, 2)
        lost = connection.execute(claim).fetchall()
    dumps.restore(dumped, empty_db)
    leave_out(empty_db.connect(autocommit=True), 2)
    with Store(empty_db).connect() as connection:
        append(connection, 1, 2)
        assert connection.execute(claim).fetchall()
        with pytest.raises(psycopg.Error) as fenced:
            confirm = "select evident.confirm_events('relay', 0, %s, %s)"
            connection.execute(confirm, lost[-1])
        assert fenced.value.sqlstate == "PT423"


def go_on_with_the_file(restored: Store, path: Path, broken: str = "") -> list[str]:
    """Append under lost ids, relay to the old file, and name what is in no file."""
    with restored.connect() as connection:
        append(connection, 10, 3)
        kept = path.read_bytes()
        code, _, told = relays.run(restored, *RELAY, str(path), broken=broken)
        print(told)
        new = path.with_name("new")
        if code:
            assert "file has 30 events that the store does not have" in told
            assert "the first at position 21" in told
            assert path.read_bytes() == kept
            assert relays.run(restored, *RELAY, str(new))[0] == 0
        return confirmed_unwritten(
            connection, "relay", [each for each in (path, new) if each.exists()]
        )


def test_a_relay_whose_file_knows_more_says_what_is_lost_and_leaves_nothing_out(
    restored: Store, tmp_path: Path
) -> None:
    assert go_on_with_the_file(restored, tmp_path / "file") == []


@pytest.mark.twin_of(16, name="a relay that trusts its file's positions")
def test_a_relay_that_does_not_look_is_caught(restored: Store, tmp_path: Path) -> None:
    found = go_on_with_the_file(restored, tmp_path / "file", broken=NO_LOOK)
    assert len(found) == 30
    print(f"caught: {found[0]}")


def seal_and_publish(kept: Outside, home: Database, accepted: int | None = None) -> int:
    """Seal and publish all there is; give the number of leaves."""
    with home.connect(autocommit=True) as owner:
        seal_all(owner)
        kept.publish(home, accepted)
        return tree_size(owner)


def test_an_asynchronous_failover_loses_the_newest_and_it_can_be_told_which(
    major: int, rng: random.Random, tmp_path: Path, figures: Figures
) -> None:
    kept, file = outside(tmp_path), tmp_path / "file"
    with (
        store_on_its_own(major) as home,
        moving(home, is_synchronous=False) as moved,
    ):
        store = Store(home)
        work = Workload(store, rng, readers=0, workers=0)
        standby = moved.attach()
        with work.running():
            work.wait_for(EVENTS)
        first = seal_and_publish(kept, home)
        wait_for_replay(home.server, standby)
        with work.running():
            goal = work.events + EVENTS
            moved.starve(lambda: work.events >= goal)
        seal_and_publish(kept, home)
        assert relays.run(store, *RELAY_IN_PARTS, str(file))[0] == 0
        before = store.log()
        moved.fail_over()

        after = store.log()
        had = {each.id: each for each in before}
        assert all(had[each.id] == each for each in after)
        lost = sorted(had.keys() - {each.id for each in after})
        assert lost
        ours = [[e for e in log if e.operation] for log in (before, after)]
        assert list(suffix_violations(work.history, *ours)) == []

        # The file has every event that was answered, and says which are gone.
        code, _, told = relays.run(store, *RELAY_IN_PARTS, str(file))
        assert code == 1
        assert f"file has {len(lost):,} event" in told
        assert f"the first at position {lost[0]}" in told
        lines = [json.loads(line) for line in file.read_bytes().splitlines()]
        assert {each["position"] for each in lines} == had.keys()

        # The publisher knows how many leaves there were.
        with pytest.raises(Failure, match=f"{len(before):,} leaves were published"):
            kept.publish(home)
        with home.connect(autocommit=True) as owner:
            leave_out(owner, max(each["position"] for each in lines))
            owner.execute("select evident.begin_incarnation('failed over')")
        seal_and_publish(kept, home, accepted=2)
        assert kept.said[-1] == (
            "NOT CONSISTENT with the last checkpoint: leaves 0 to"
            f" {first - 1:,} are as published; leaves {first:,} to"
            f" {len(before) - 1:,} of what was published are gone"
        )

        # What is gone never was; so the history goes on.
        answered = forget_lost(work, after)
        assert 0 < answered <= len(lost)
        with work.running():
            work.wait_for(EVENTS)
        assert work.violations() == []
        assert relays.run(store, *RELAY_IN_PARTS, str(tmp_path / "new"))[0] == 0
        with store.connect() as connection:
            files = [file, tmp_path / "new"]
            assert confirmed_unwritten(connection, "relay", files) == []
    print(f"{len(lost)} events lost, {answered} of them answered")
    figures.add(
        events_lost_in_asynchronous_failovers=len(lost), of_those_named=len(lost)
    )
