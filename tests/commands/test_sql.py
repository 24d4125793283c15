"""`evident sql` gives what psql alone installs, removes and upgrades with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Database
from pg_evident import places
from pg_evident.failure import Failure
from pg_evident.migrate import fingerprint as fingerprints
from pg_evident.migrate import upgrades
from support.checkers.fingerprint import fingerprint
from support.servers.psql import run_psql

pytestmark = pytest.mark.once

IDS = [path.stem for path in places.migration_files(places.ENGINE)]


def sql(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pg_evident", "sql", *words],
        capture_output=True,
        check=False,
    )


def test_the_scripts_are_printed_as_they_are() -> None:
    assert sql("install").stdout == places.INSTALL.read_bytes()
    assert sql("uninstall").stdout == places.UNINSTALL.read_bytes()


def test_a_file_is_written_and_not_replaced_unless_one_says_so(tmp_path: Path) -> None:
    file = tmp_path / "install.sql"
    done = sql("install", "--out", str(file))
    assert (done.returncode, done.stdout) == (0, b"")
    assert file.read_bytes() == places.INSTALL.read_bytes()
    file.write_text("mine")
    refused = sql("install", "--out", str(file))
    assert refused.returncode == 1
    assert b"is there already\nhint: --force replaces it" in refused.stderr
    assert file.read_text() == "mine"
    assert sql("install", "--out", str(file), "--force").returncode == 0
    assert file.read_bytes() == places.INSTALL.read_bytes()


def test_files_of_migrations_are_replaced_all_or_none(tmp_path: Path) -> None:
    words = ("migrations", "--from", IDS[-3], "--out", str(tmp_path / "new"))
    assert sql(*words).returncode == 0
    assert sorted(path.stem for path in (tmp_path / "new").iterdir()) == IDS[-2:]
    (tmp_path / f"new/{IDS[-2]}.sql").unlink()
    refused = sql(*words)
    assert refused.returncode == 1
    assert b"is there already" in refused.stderr
    assert not (tmp_path / f"new/{IDS[-2]}.sql").exists()
    assert sql(*words, "--force").returncode == 0
    assert (tmp_path / f"new/{IDS[-2]}.sql").exists()


def test_only_what_comes_after_a_version_is_given() -> None:
    assert [*upgrades.scripts()] == [f"{each}.sql" for each in IDS]
    assert [*upgrades.scripts(IDS[2])] == [f"{each}.sql" for each in IDS[3:]]
    done = sql("migrations", "--from", IDS[-1])
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"is the newest migration of this package" in done.stderr


def test_a_version_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(Failure, match="0099_none is not a migration") as refused:
        upgrades.scripts("0099_none")
    assert refused.value.hint == f"known: {', '.join(IDS)}"


def test_all_migrations_in_one_transaction_are_an_install(
    engine_db: Database, empty_db: Database, major: int
) -> None:
    printed = sql("migrations").stdout.decode("ascii")
    done = run_psql(empty_db.server, empty_db.dsn, "-", given=printed)
    assert done.returncode == 0, done.stderr
    connection = empty_db.connect()
    assert fingerprint(connection) == fingerprint(engine_db.connect())
    assert fingerprints.installed(connection) == fingerprints.expected(major)


def test_a_script_is_refused_at_another_version_and_outside_a_transaction(
    engine_db: Database, empty_db: Database
) -> None:
    text = upgrades.scripts(IDS[-2])[f"{IDS[-1]}.sql"]
    for database, found in ((engine_db, IDS[-1]), (empty_db, "no version")):
        before = fingerprint(database.connect())
        done = run_psql(database.server, database.dsn, "-", given=text)
        assert done.returncode == 3
        assert (
            f"nothing is done: this script is for a store at {IDS[-2]}, not at {found}"
            in done.stderr
        )
        assert "evident sql migrations --from" in done.stderr
        done = run_psql(database.server, database.dsn, "-", given=text, is_one=False)
        assert "this script runs in one transaction" in done.stderr
        assert fingerprint(database.connect()) == before


def test_the_version_is_read_and_not_called(empty_db: Database) -> None:
    with empty_db.connect(autocommit=True) as connection:
        connection.execute("create schema evident; create table public.called ()")
        connection.execute(
            "create function evident.version() returns text language plpgsql as"
            f" $$ begin drop table public.called; return '{IDS[-2]}'; end $$"
        )
        text = upgrades.scripts(IDS[-2])[f"{IDS[-1]}.sql"]
        run_psql(empty_db.server, empty_db.dsn, "-", given=text)
        row = connection.execute("select to_regclass('public.called')").fetchone()
    assert row == ("called",)


def test_an_index_that_yoyo_builds_concurrently_is_built_in_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001_one.sql").write_text("create schema evident;")
    (tmp_path / "0002_two.sql").write_text(
        "-- depends: 0001_one\n-- transactional: false\n"
        "create index concurrently one_a_idx on evident.one (a);"
    )
    (tmp_path / "0003_three.sql").write_text("-- depends: 0002_two\nselect 1;")
    monkeypatch.setattr(upgrades, "ENGINE", tmp_path)
    texts = upgrades.scripts("0001_one")
    assert "\ncreate index one_a_idx on evident.one (a);" in texts["0002_two.sql"]
    assert "appends wait meanwhile" in texts["0002_two.sql"]
    # It could not move evident.version() along.
    assert "for a store at 0001_one" in texts["0003_three.sql"]
