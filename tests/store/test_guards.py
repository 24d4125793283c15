"""Guard status: no change of the catalog is silent, no ordinary work is a change."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import psycopg
import pytest

from pg_evident.migrate import fingerprint, status
from pg_evident.places import ROOT
from support.clients.store import Connection, Store
from support.models.mutations import MUTATIONS, ORDINARY
from support.seeds import scaled
from support.servers.dumps import dump, restore
from support.servers.psql import run_psql

if TYPE_CHECKING:
    from conftest import Database

BROKEN = """
select g.kind, g.name, g.state
from evident.guard_status() as g
where g.is_intact is not true
"""


def told(connection: Connection, statement: str) -> list[tuple[str, str, str]]:
    """Give what is not intact after a statement, which is then undone."""
    found: list[tuple[str, str, str]] = []
    with connection.transaction():
        connection.execute(statement.encode())
        try:
            found = connection.execute(BROKEN.encode()).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            # Without the schema nothing of the store works, and all of it says so.
            found = [("error", "", str(error.diag.message_primary))]
        raise psycopg.Rollback
    return found


def silent(connection: Connection, mutations: Mapping[str, str]) -> set[str]:
    """Name the changes that nothing tells of."""
    assert connection.execute(BROKEN.encode()).fetchall() == []
    return {
        name for name, statement in mutations.items() if not told(connection, statement)
    }


@pytest.mark.promise(25)
def test_every_change_is_told(
    store: Store, observer: Connection, rng: random.Random
) -> None:
    names = sorted(MUTATIONS)
    chosen = rng.sample(names, scaled(len(names) // 3, len(names)))
    assert silent(observer, {name: MUTATIONS[name] for name in chosen}) == set()


@pytest.mark.promise(25)
def test_ordinary_work_is_no_change(store: Store, observer: Connection) -> None:
    found = {
        name: rows
        for name, statement in ORDINARY.items()
        if (rows := told(observer, statement))
    }
    assert found == {}


@pytest.mark.twin_of(25)
def test_a_status_without_a_baseline_is_silent(
    store: Store, observer: Connection, twin: Callable[[str], None]
) -> None:
    twin("unmeasured_guards")
    names = ("body of the guard", "check dropped", "unlogged", "sequence that caches")
    chosen = {name: MUTATIONS[name] for name in names}
    assert silent(observer, chosen) == set(names)


@pytest.mark.promise(25)
def test_the_fingerprint_is_the_one_that_the_package_carries(
    db: Database, empty_db: Database, major: int
) -> None:
    expected = fingerprint.expected(major)
    assert fingerprint.installed(db.connect()) == expected, "make fingerprints"
    done = run_psql(db.server, empty_db.dsn, ROOT / "sql/install.sql")
    assert done.returncode == 0, done.stderr
    assert fingerprint.installed(empty_db.connect()) == expected


def test_every_major_writes_the_definitions_alike() -> None:
    # Else pg_upgrade would look like a change.
    known = {major: fingerprint.expected(major) for major in (15, 16, 17, 18)}
    assert len(set(known.values())) == 1, known


def test_a_restored_database_is_intact(db: Database, empty_db: Database) -> None:
    restore(dump(db), empty_db)
    with empty_db.connect() as restored:
        assert restored.execute(BROKEN.encode()).fetchall() == []
        assert fingerprint.installed(restored) == fingerprint.installed(db.connect())


def test_status_tells_of_the_rights_that_no_dump_has(
    db: Database, empty_db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    restore(dump(db), empty_db)
    status.show(empty_db.dsn)
    assert "select evident._close_types()" in capsys.readouterr().out
    with empty_db.connect(autocommit=True) as restored:
        restored.execute("set role evident_owner")
        restored.execute("select evident._close_types()")
    for each in (empty_db, db):
        status.show(each.dsn)
        assert "row types" not in capsys.readouterr().out


@pytest.mark.promise(25)
def test_a_dump_without_the_baseline_is_not_intact(
    db: Database, empty_db: Database
) -> None:
    restore(dump(db, "--exclude-table-data=evident.baseline"), empty_db)
    found = empty_db.connect().execute(BROKEN.encode()).fetchall()
    assert ("baseline", "evident.baseline") in {(kind, name) for kind, name, _ in found}
