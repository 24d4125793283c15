"""Publish, export and prove read all of each table, or fail: nothing is hidden."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from conftest import Database
from pg_evident.export import proof as prove
from pg_evident.export import run as export
from pg_evident.ledger import tree as ledger
from support.clients.calls import Connection
from support.clients.publishing import Outside, auditor_dsn, grow, published

pytestmark = [pytest.mark.promise(11, 22), pytest.mark.once]

# With no policy at all, row security hides everything, from the owner too.
HIDE = "alter table evident.{} enable row level security, force row level security"
SHOW = "alter table evident.{} disable row level security, no force row level security"


def publishes(db: Database, kept: Outside, folder: Path) -> None:
    kept.publish(db)


def exports(db: Database, kept: Outside, folder: Path) -> None:
    export.run(
        auditor_dsn(db), folder / "log", None, begin=lambda *_: None, advance=print
    )


def proves(db: Database, kept: Outside, folder: Path) -> None:
    with db.connect(autocommit=True) as owner:
        row = owner.execute(
            "select e.event_id from evident.event_store as e order by e.id limit 1"
        ).fetchone()
    assert row is not None
    prove.run(auditor_dsn(db), row[0], folder)


READS = {
    publishes: ("log_identity", "tree_head", "ledger_publication", "ledger_tile"),
    exports: ("log_identity", "tree_head", "ledger_publication", "event_store"),
    proves: ("log_identity", "ledger_publication", "event_store", "ledger_tile"),
}
CASES = [(run, table) for run, tables in READS.items() for table in tables]


@pytest.mark.parametrize(
    ("run", "table"), CASES, ids=[f"{run.__name__} {table}" for run, table in CASES]
)
def test_what_a_policy_hides_is_an_error(
    run: Callable[[Database, Outside, Path], None],
    table: str,
    db: Database,
    owner: Connection,
    kept: Outside,
    tmp_path: Path,
) -> None:
    grow(owner, 300)
    kept.publish(db)
    before = kept.files()
    grow(owner, 3)
    owner.execute(HIDE.format(table).encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level"):
        run(db, kept, tmp_path)
    assert kept.files() == before
    assert not (tmp_path / "log/checkpoint").exists()
    owner.execute(SHOW.format(table).encode())
    kept.publish(db)
    run(db, kept, tmp_path)


def hide_what_was_published(db: Database, owner: Connection, kept: Outside) -> None:
    """Let the publisher see no publication, in a directory that is new."""
    grow(owner, 3)
    kept.publish(db)
    shutil.rmtree(kept.directory)
    owner.execute(HIDE.format("ledger_publication").encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        kept.publish(db)
    assert kept.files() == {}
    assert len(published(owner)) == 1


def test_no_policy_hides_that_a_log_was_published(
    db: Database, owner: Connection, kept: Outside
) -> None:
    hide_what_was_published(db, owner, kept)


@pytest.mark.twin_of(22)
def test_a_publisher_that_reads_what_policies_let_through_is_caught(
    db: Database, owner: Connection, kept: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "WHOLE", "select")
    with pytest.raises(AssertionError):
        hide_what_was_published(db, owner, kept)


def test_what_is_recorded_is_looked_for_among_all(
    db: Database, owner: Connection, kept: Outside
) -> None:
    grow(owner, 3)
    owner.execute(HIDE.format("ledger_publication").encode())
    with (
        db.connect(autocommit=True) as auditor,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level"),
    ):
        auditor.execute("set role evident_auditor")
        ledger.record(auditor, "any")
