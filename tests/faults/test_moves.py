"""Promise 17: dump, restore, recovery and upgrade keep everything usable."""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import SETTINGS, Database, create_database, fresh_database
from pg_evident.failure import Failure
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.programs import bindir
from pg_evident.server.temporary import ephemeral
from report.evidence import Figures
from support.checkers.feed import feed_violations
from support.checkers.fingerprint import fingerprint
from support.checkers.lost import leave_out, rewound, suffix_violations
from support.clients.calls import Connection, Entry, append_events, events_of
from support.clients.feed_readers import Reader
from support.clients.feed_work import append_one, ids_behind
from support.clients.held import Held
from support.clients.moved import go_on_at
from support.clients.publishing import Outside, outside
from support.clients.seal_work import seal_all
from support.clients.store import Store
from support.clients.workload import MODELS, Workload
from support.models.projection_models import make_models
from support.seeds import FULL, scaled
from support.servers import dumps
from support.servers.clusters import ANSWERED, store_on_its_own
from support.servers.recovery import archiving, backed_up
from support.servers.upgrade import upgraded

pytestmark = [pytest.mark.promise(17), pytest.mark.once]

EVENTS = scaled(60, 1_000)
RECOVERIES = scaled(1, 3)
OLD, NEW = 15, 18
WAYS = ["pg_upgrade", "pg_dump"] if FULL else ["pg_upgrade"]
# So far is a cluster ahead that has been at work for a while.
AGE = scaled(20_000, 200_000)
GROW_OLD = """
do $do$
begin
    for i in 1..{} loop
        perform pg_current_xact_id();
        commit;
    end loop;
end;
$do$
"""
LEAVES = "select e.id, evident.leaf_hash(e) from evident.event_store as e order by e.id"
TAMPERED = "select g.* from evident.guard_status() as g where not g.is_intact"
GUARD_CHANGES = """
select count(*) from evident.event_store as e where e.event_type = 'GuardChanged'
"""
ROOT = "select evident.root_hash(s.leaves) from evident.ledger_status as s"


@pytest.fixture(scope="module")
def young(major: int, server: Server, login: str) -> Iterator[Server]:
    """Give a new cluster that has the roles of the old one, which has seen a lot."""
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute(GROW_OLD.format(AGE).encode())
    with ephemeral(major, SETTINGS) as new:
        dumps.copy_roles(server, new)
        yield new


@pytest.fixture
def young_db(young: Server) -> Iterator[Database]:
    with fresh_database(young, "template0") as database:
        yield database


def next_xid(connection: Connection) -> int:
    row = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text")
    return int((row.fetchone() or (0,))[0])


def compare_leaves(old: Connection, new: Connection) -> int:
    """Require that every event of the new place is as in the old one; count them."""
    kept = new.execute(LEAVES).fetchall()
    assert set(kept) <= set(old.execute(LEAVES).fetchall())
    size = new.execute("select leaves from evident.ledger_status").fetchone()
    assert size is not None
    root = "select evident.root_hash(%s)"
    assert old.execute(root, size).fetchone() == new.execute(root, size).fetchone()
    return len(kept)


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_a_dump_under_load_goes_on_in_a_young_cluster(
    store: Store, young_db: Database, rng: random.Random, figures: Figures, form: str
) -> None:
    work, reader = Workload(store, rng), Reader()
    old, new = store.db.connect(autocommit=True), young_db.connect(autocommit=True)
    assert next_xid(new) + 1000 < next_xid(old)
    with work.running():
        work.wait_for(EVENTS)
        held = Held(work, f"held {form}")
        idle = store.connect()
        idle.execute("begin")
        append_one(idle)
        reader.read_page(old, 10_000)
        before = time.monotonic()
        dumped = dumps.dump(store.db, f"--format={form}")
        after = time.monotonic()
        idle.execute("rollback")
        held.commit()
        work.wait_for(EVENTS)
    dumps.restore(dumped, young_db)

    assert definitions(new) == definitions(old)
    count = compare_leaves(old, new)
    past = list(rewound(work.history, before, after))
    assert go_on_at(work, Store(young_db), past, [reader]) == []
    with work.running():
        work.wait_for(EVENTS)
    assert work.violations() == []
    figures.add(dumps_restored=1, events_moved=count)


def read_on_after_a_move(store: Store, young_db: Database) -> list[str]:
    """Read the feed to its end, move, append, read on, and name what was hidden."""
    reader = Reader()
    with store.connect() as connection:
        append(connection, 20)
        deadline = time.monotonic() + 60
        while len(reader.seen) < 60:
            reader.read_page(connection, 1000)
            assert time.monotonic() < deadline
    dumps.restore(dumps.dump(store.db), young_db)
    reader.seen = reader.seen[:30]
    with Store(young_db).connect() as connection:
        append(connection, 5)
        while reader.read_page(connection, 1000):
            pass
    return feed_violations(reader.seen, ids_behind(young_db.connect(), 0))


def append(connection: Connection, count: int) -> None:
    for _ in range(count):
        append_events(connection, [Entry(uuid.uuid4(), 0, events_of("moved", 3))])


def test_a_reader_goes_on_behind_what_it_read_in_the_old_cluster(
    store: Store, young_db: Database
) -> None:
    assert read_on_after_a_move(store, young_db) == []


@pytest.mark.twin_of(17)
def test_a_feed_by_stored_transaction_id_is_caught(
    store: Store, young_db: Database, twin: Callable[[str], None]
) -> None:
    twin("stored_xid_feed")
    found = read_on_after_a_move(store, young_db)
    assert any("missed" in each for each in found)
    print(f"caught: {found[0]}")


def test_a_recovery_into_the_past_is_a_store_of_that_moment(
    major: int, rng: random.Random, tmp_path: Path, figures: Figures
) -> None:
    kept, lost = outside(tmp_path), 0
    with archiving(major) as (home, archive), contextlib.ExitStack() as backups:
        store = Store(home)
        work = Workload(store, rng)
        with work.running():
            work.wait_for(EVENTS)
        # Without a checkpoint of before the moment, nothing shows that it is this log.
        publish(kept, home)
        for number in range(RECOVERIES):
            with work.running():
                recovery = backups.enter_context(backed_up(home.server, archive))
                work.wait_for(EVENTS)
                before = time.monotonic()
                recovery.choose_moment()
                after = time.monotonic()
                # More than were under way, and than the sequence is ahead in the log.
                work.wait_for(EVENTS + 200)
            publish(kept, home)
            full, seen = store.log(), work.readers[0].seen
            home.server = recovery.run()

            # The log in the order of its commits, up to the moment.
            log = store.log()
            had = {each.id: each for each in full}
            assert all(had[each.id] == each for each in log)
            assert len(log) < len(full)
            ours = [[e for e in each if e.operation] for each in (full, log)]
            assert list(suffix_violations(work.history, *ours)) == []
            lost += len(full) - len(log)

            # Whoever knows more is told, a reader and the publisher.
            with store.connect() as connection:
                check_that_a_reader_is_told(connection, seen[-1], log[-1].id)
            with pytest.raises(Failure, match="leaves were published"):
                kept.publish(home)
            with home.connect(autocommit=True) as owner:
                leave_out(owner, full[-1].id)
                owner.execute("select evident.begin_incarnation('recovered')")
            publish(kept, home, accepted=number + 2)
            assert f"INCARNATION {number + 2} of" in kept.said[0]

            past = list(rewound(work.history, before, after))
            assert go_on_at(work, store, past, [Reader(), Reader()]) == []
            with work.running():
                work.wait_for(EVENTS)
            assert work.violations() == []
    figures.add(recoveries_into_the_past=RECOVERIES, events_set_back=lost)


def publish(kept: Outside, home: Database, accepted: int | None = None) -> None:
    """Seal and publish all there is."""
    with home.connect(autocommit=True) as owner:
        seal_all(owner)
    kept.publish(home, accepted)


def check_that_a_reader_is_told(
    connection: Connection, position: int, newest: int
) -> None:
    """Ask behind a position of the lost history, once no id there was drawn again."""
    (head,) = connection.execute(
        "select s.head from evident.feed_status as s"
    ).fetchone() or (0,)
    # The log of the server has the sequence up to 32 ids ahead of the events.
    assert newest <= head < position
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("select from evident.read_feed(%s)", [position])
    assert refused.value.sqlstate == "PT400"


@pytest.mark.parametrize("how", WAYS)
def test_an_upgrade_to_a_newer_major_changes_nothing(
    db: Database,
    rng: random.Random,
    tmp_path: Path,
    figures: Figures,
    major: int,
    how: str,
) -> None:
    if major != NEW:
        pytest.skip(f"an upgrade from {OLD} to {NEW} is tested with --pg {NEW}")
    try:
        bindir(OLD)
    except Failure as missing:
        pytest.skip(f"{missing.message}: {missing.hint}")
    kept, fresh = outside(tmp_path), db.connect(autocommit=True)
    make_models(fresh, MODELS)
    with store_on_its_own(OLD) as home, contextlib.ExitStack() as cleanup:
        store = Store(home)
        work = Workload(store, rng)
        with work.running():
            work.wait_for(EVENTS)
        publish(kept, home)
        with home.connect(autocommit=True) as old:
            before = leaves_and_root(old)
        old_server = home.server
        home.close()
        if how == "pg_upgrade":
            home.server = cleanup.enter_context(upgraded(home.server, NEW))
        else:
            home.server = cleanup.enter_context(ephemeral(NEW, ANSWERED))
            dumps.copy_roles(old_server, home.server)
            create_database(home.server, home.name, "template0")
            old_home = Database(home.name, old_server)
            dumps.restore(dumps.dump(old_home, by=home.server), home)

        with home.connect(autocommit=True) as new:
            assert leaves_and_root(new) == before
            assert definitions(new) == definitions(fresh)
            assert new.execute(TAMPERED).fetchall() == []
        assert migrate(home.dsn, examples=True) == []
        assert kept.publish(home) is None
        assert go_on_at(work, store) == []
        with work.running():
            work.wait_for(EVENTS)
        assert work.violations() == []
        publish(kept, home)
        assert kept.said == []
        with home.connect(autocommit=True) as new:
            # Nobody's guards have changed by it, since the first seal told of all.
            assert new.execute(GUARD_CHANGES).fetchall() == [(1,)]
    figures.add(upgrades=1, events_upgraded=len(before[0]))


def leaves_and_root(connection: Connection) -> tuple[list[Any], Any]:
    return (
        connection.execute(LEAVES).fetchall(),
        connection.execute(ROOT).fetchone(),
    )


def definitions(connection: Connection) -> set[tuple[str, str]]:
    """Give every definition and privilege; who is a member of what is the cluster's."""
    return {each for each in fingerprint(connection) if each[0] != "role"}
