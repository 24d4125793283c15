"""Migrations and their marks never disagree, and again is a no-op."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident import installed, places
from pg_evident.database import connect, yoyo_url
from pg_evident.failure import Failure
from pg_evident.migrate import backend as yoyo_backend
from pg_evident.migrate import fingerprint, marks
from pg_evident.migrate import run as migrate
from pg_evident.server.cluster import Server
from support.models.ledger_lab import evident_apart

pytestmark = pytest.mark.once

ENGINE = [path.stem for path in places.migration_files(places.ENGINE)]
EXAMPLES = [path.stem for path in places.migration_files(places.EXAMPLES)]


@pytest.fixture
def plain_user(alone: Server) -> str:
    """Give the DSN of a role with CREATEROLE and CREATE on its database only.

    On a server without our roles: where they exist already they are another user's.
    """
    with connect(alone.uri_for("one"), autocommit=True) as connection:
        connection.execute("revoke create on schema public from public")
    return alone.uri_for("one").replace("postgres@", "dba1@")


def applied(db: Database) -> list[str]:
    return [each for each, when in migrate.status(db.dsn) if when is not None]


def version(db: Database) -> str | None:
    with connect(db.dsn, autocommit=True) as connection:
        return installed.installed_version(connection)


def forget(db: Database, *ids: str) -> None:
    with connect(db.dsn, autocommit=True) as connection:
        connection.execute(
            "delete from evident_yoyo._yoyo_migration where migration_id = any (%s)",
            [list(ids)],
        )


def install_with_psql(db: Database, path: Path) -> None:
    done = subprocess.run(
        [
            *(str(db.server.bindir / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"),
            *("-1", "-f", str(path), db.dsn),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_migrating_again_is_a_no_op(empty_db: Database) -> None:
    assert migrate.migrate(empty_db.dsn) == ENGINE
    assert migrate.migrate(empty_db.dsn) == []
    assert version(empty_db) == ENGINE[-1]
    assert migrate.migrate(empty_db.dsn, examples=True) == EXAMPLES
    assert applied(empty_db) == ENGINE + EXAMPLES


def test_each_migration_rolls_back_and_applies_again(empty_db: Database) -> None:
    everything = ENGINE + EXAMPLES
    migrate.migrate(empty_db.dsn, examples=True)
    for count in range(len(everything), 0, -1):
        assert migrate.rollback(empty_db.dsn) == [everything[count - 1]]
        assert applied(empty_db) == everything[: count - 1]
    assert migrate.rollback(empty_db.dsn) == []
    assert migrate.migrate(empty_db.dsn, examples=True) == everything
    assert migrate.rollback(empty_db.dsn, everything=True) == everything[::-1]
    assert version(empty_db) is None


def test_a_rollback_asks_at_read_committed(empty_db: Database) -> None:
    with empty_db.connect(autocommit=True) as connection:
        connection.execute(
            f"alter database {empty_db.name}"
            " set default_transaction_isolation = serializable"
        )
    assert migrate.migrate(empty_db.dsn)
    assert migrate.rollback(empty_db.dsn, everything=True)


def test_rolling_back_to_an_id_keeps_it(empty_db: Database) -> None:
    migrate.migrate(empty_db.dsn)
    assert migrate.rollback(empty_db.dsn, to=ENGINE[0]) == ENGINE[:0:-1]
    assert version(empty_db) == ENGINE[0]
    with pytest.raises(Failure, match="is not applied"):
        migrate.rollback(empty_db.dsn, to=ENGINE[-1])


def test_status_changes_nothing(empty_db: Database) -> None:
    assert {when for _, when in migrate.status(empty_db.dsn)} <= {None}
    with empty_db.connect() as connection:
        row = connection.execute(
            "select to_regnamespace('evident_yoyo') is null"
        ).fetchone()
    assert row == (True,)


def test_a_migration_that_fails_leaves_neither_objects_nor_a_mark(
    empty_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001_one.sql").write_text("create schema evident;")
    (tmp_path / "0002_two.sql").write_text(
        "-- depends: 0001_one\ncreate table evident.two (); select 1 / 0;"
    )
    monkeypatch.setattr(migrate, "ENGINE", tmp_path)
    monkeypatch.setattr(marks, "ENGINE", tmp_path)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate.migrate(empty_db.dsn)
    assert applied(empty_db) == ["0001_one"]
    (tmp_path / "0002_two.sql").write_text(
        "-- depends: 0001_one\ncreate table evident.two ();"
    )
    assert migrate.migrate(empty_db.dsn) == ["0002_two"]


def test_a_migration_outside_a_transaction_is_marked(
    empty_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001_one.sql").write_text(
        "create schema evident create table one (a integer);"
    )
    (tmp_path / "0002_two.sql").write_text(
        "-- depends: 0001_one\n-- transactional: false\n"
        "create index concurrently one_a_idx on evident.one (a);"
    )
    (tmp_path / "0002_two.rollback.sql").write_text("drop index evident.one_a_idx;")
    monkeypatch.setattr(migrate, "ENGINE", tmp_path)
    monkeypatch.setattr(marks, "ENGINE", tmp_path)
    assert migrate.migrate(empty_db.dsn) == ["0001_one", "0002_two"]
    assert migrate.migrate(empty_db.dsn) == []
    assert migrate.rollback(empty_db.dsn) == ["0002_two"]
    assert applied(empty_db) == ["0001_one"]


def test_a_lost_mark_is_repaired_by_the_same_command(empty_db: Database) -> None:
    migrate.migrate(empty_db.dsn)
    forget(empty_db, ENGINE[-1])
    said: list[str] = []
    assert migrate.migrate(empty_db.dsn, report=said.append) == []
    assert said == [f"{ENGINE[-1]} was applied but not marked: marked now"]
    assert applied(empty_db) == ENGINE


def test_a_mark_too_many_is_repaired_by_the_same_command(empty_db: Database) -> None:
    migrate.migrate(empty_db.dsn)
    with connect(empty_db.dsn, autocommit=True) as connection:
        rows = connection.execute(
            "select m.* from evident_yoyo._yoyo_migration as m"
            " where m.migration_id = %s",
            [ENGINE[-1]],
        ).fetchone()
        migrate.rollback(empty_db.dsn)
        connection.execute(
            "insert into evident_yoyo._yoyo_migration values (%s, %s, %s)", rows
        )
    said: list[str] = []
    assert migrate.migrate(empty_db.dsn, report=said.append) == [ENGINE[-1]]
    assert said == [f"{ENGINE[-1]} was marked but not there: unmarked now"]


def test_a_database_that_psql_installed_is_marked_on_request(
    empty_db: Database,
) -> None:
    install_with_psql(empty_db, places.INSTALL)
    with pytest.raises(Failure, match="psql installed") as failure:
        migrate.migrate(empty_db.dsn)
    assert "evident migrate --mark" in (failure.value.hint or "")
    assert migrate.mark(empty_db.dsn) == ENGINE
    assert migrate.migrate(empty_db.dsn, examples=True) == EXAMPLES


def test_marking_where_nothing_is_installed_is_refused(empty_db: Database) -> None:
    with pytest.raises(Failure, match="not installed") as failure:
        migrate.mark(empty_db.dsn)
    assert failure.value.hint == "evident migrate"
    with empty_db.connect() as connection:
        row = connection.execute("select to_regnamespace('evident_yoyo')").fetchone()
    assert row == (None,)


def test_a_database_that_psql_emptied_is_unmarked_on_request(
    empty_db: Database,
) -> None:
    migrate.migrate(empty_db.dsn)
    install_with_psql(empty_db, places.UNINSTALL)
    with pytest.raises(Failure):
        migrate.migrate(empty_db.dsn)
    assert migrate.mark(empty_db.dsn) == ENGINE[::-1]
    assert migrate.migrate(empty_db.dsn) == ENGINE
    install_with_psql(empty_db, places.UNINSTALL)
    # The command has nothing to compare then, and that is no failure of it.
    code, out, err = evident_apart("migrate", "--mark", "--dsn", empty_db.dsn)
    assert (code, out.split()) == (0, ENGINE[::-1]), err


def test_what_was_migrated_is_no_failure_where_it_cannot_be_compared(
    empty_db: Database,
) -> None:
    migrate.migrate(empty_db.dsn)
    assert fingerprint.complaint(empty_db.dsn) is None
    with connect(empty_db.dsn, autocommit=True) as connection:
        connection.execute(
            "create or replace function evident.fingerprint() returns text"
            " language sql as $$ select (1 / 0)::text $$"
        )
    found = fingerprint.complaint(empty_db.dsn)
    assert found == "warning: catalog not compared: 22012: division by zero"


def test_a_database_newer_than_the_package_is_left_alone(empty_db: Database) -> None:
    migrate.migrate(empty_db.dsn)
    with connect(empty_db.dsn, autocommit=True) as connection:
        connection.execute(
            "create or replace function evident.version() returns text"
            " language sql as $$ select '9999_future' $$"
        )
    with pytest.raises(Failure, match="9999_future, which this package does not have"):
        migrate.migrate(empty_db.dsn)


def test_a_plain_user_migrates_without_create_on_public(plain_user: str) -> None:
    assert migrate.migrate(plain_user, examples=True) == ENGINE + EXAMPLES
    assert migrate.migrate(plain_user, examples=True) == []
    assert migrate.rollback(plain_user, everything=True) == (ENGINE + EXAMPLES)[::-1]


def test_what_yoyo_by_hand_has_marked_is_kept(empty_db: Database) -> None:
    yoyo("apply", "-d", yoyo_url(empty_db.dsn), str(places.ENGINE))
    assert migrate.migrate(empty_db.dsn) == []
    assert applied(empty_db) == ENGINE
    assert migrate.rollback(empty_db.dsn) == [ENGINE[-1]]
    listing = yoyo("list", "-d", yoyo_url(empty_db.dsn), str(places.ENGINE))
    assert listing.count("\nU ") + listing.count("\nU  ") >= 1


def test_another_applications_yoyo_is_not_disturbed(
    empty_db: Database, tmp_path: Path
) -> None:
    (tmp_path / "app_0001.sql").write_text("create table public.app ();")
    yoyo("apply", "-d", yoyo_url(empty_db.dsn), str(tmp_path))
    assert migrate.migrate(empty_db.dsn) == ENGINE
    with empty_db.connect() as connection:
        rows = connection.execute(
            "select m.migration_id from public._yoyo_migration as m"
        ).fetchall()
    assert rows == [("app_0001",)]


def test_yoyo_by_hand_sees_the_marks_under_the_documented_url(
    empty_db: Database,
) -> None:
    migrate.migrate(empty_db.dsn)
    url = yoyo_url(empty_db.dsn, marks.SCHEMA)
    assert "\nU" not in yoyo("list", "-d", url, str(places.ENGINE))


def test_a_lock_left_behind_is_named_and_broken_on_request(
    empty_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yoyo_backend, "PATIENCE", 1)
    migrate.migrate(empty_db.dsn)
    with connect(empty_db.dsn, autocommit=True) as connection:
        connection.execute(
            "insert into evident_yoyo.yoyo_lock values (1, '2026-01-02 03:04', 4711)"
        )
    with pytest.raises(Failure, match="process 4711 has held") as failure:
        migrate.migrate(empty_db.dsn)
    assert "2026-01-02 03:04:00 UTC" in failure.value.message
    assert "--break-lock" in (failure.value.hint or "")
    assert migrate.migrate(empty_db.dsn, break_lock=True) == []


def test_two_migrate_at_once_and_each_migration_runs_once(empty_db: Database) -> None:
    done: list[Any] = []

    def work() -> None:
        done.append(migrate.migrate(empty_db.dsn))

    migrate.status(empty_db.dsn)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], ENGINE]


def yoyo(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "yoyo", words[0], "--no-config-file", "-b", *words[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
