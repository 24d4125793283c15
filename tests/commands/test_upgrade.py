"""From one version to the next, by yoyo and by psql alone, with a history in the store.

The next version is this one with a made-up migration. From 0.1.0 on each tag adds a
dump of its own, which this version upgrades: see support.checkers.upgrades.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Database, create_database, fresh_database
from pg_evident import places
from pg_evident.failure import Failure
from pg_evident.migrate import fingerprint as fingerprints
from pg_evident.migrate import status, upgrades
from pg_evident.migrate.run import mark, migrate, rollback
from pg_evident.server.cluster import Server
from pg_evident.workshop.check.run import check
from support.checkers.fingerprint import fingerprint
from support.checkers.upgrades import (
    DUMPS,
    append_orders,
    changed,
    fill,
    filled_dump,
    kept,
)
from support.clients.store import Connection
from support.models.next_version import NEXT, THIS, Package, make_next
from support.servers.dumps import restore
from support.servers.psql import run_psql

pytestmark = pytest.mark.once

IDS = [path.stem for path in places.migration_files(places.ENGINE)]
BROKEN = "select g.kind, g.name from evident.guard_status() as g where not g.is_intact"


@dataclass(frozen=True)
class Following:
    """The next version, and the catalog where nothing else was ever installed."""

    package: Package
    catalog: set[tuple[str, str]]
    fingerprint: str


@pytest.fixture(scope="session")
def following(
    server: Server, template: str, major: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Following]:
    """Make the next version; the template has made the roles that dumps need."""
    with contextlib.closing(make_next(tmp_path_factory.mktemp("next"))) as package:
        with fresh_database(server, "template0") as database:
            package.done("migrate", "--examples", dsn=database.dsn)
            connection = database.connect()
            found = fingerprints.installed(connection)
            package.expect(major, found)
            made = Following(package, fingerprint(connection), found)
        yield made


@pytest.fixture(scope="module", autouse=True)
def _this_ends() -> Iterator[None]:
    with contextlib.closing(THIS):
        yield


@pytest.fixture(scope="session")
def filled(server: Server) -> str:
    """Name a database of this version, with a history, to be copied."""
    name = "evident_filled"
    create_database(server, name, "template0")
    fill(server.uri_for(name))
    return name


@pytest.fixture
def filled_db(server: Server, filled: str) -> Iterator[Database]:
    """Give a store of this version, with a history."""
    with fresh_database(server, filled) as database:
        yield database


def version_of(db: Database) -> str:
    with db.connect() as connection:
        ((version,),) = connection.execute("select evident.version()").fetchall()
    return str(version)


def by_yoyo(package: Package, db: Database, _folder: Path) -> list[str]:
    return package.done("migrate", dsn=db.dsn).splitlines()


def by_psql(package: Package, db: Database, folder: Path) -> list[str]:
    """Run what comes after the version of the store, one transaction each."""
    version = version_of(db)
    package.done("sql", "migrations", "--from", version, "--out", str(folder))
    scripts = sorted(folder.iterdir())
    for script in scripts:
        done = run_psql(db.server, db.dsn, script)
        assert done.returncode == 0, done.stderr
    package.done("migrate", "--mark", dsn=db.dsn)
    return [script.stem for script in scripts]


WAYS = {"yoyo": by_yoyo, "psql": by_psql}


def install_this(db: Database) -> None:
    fill(db.dsn)


def restore_this(db: Database) -> None:
    with fresh_database(db.server, "template0") as other:
        dumped = filled_dump(other)
    restore(dumped, db)


def restore_tag(path: Path) -> Callable[[Database], None]:
    return lambda db: restore(path.read_bytes(), db)


# How an older store comes about, and by which way it is upgraded: those of tags to
# this version, the others to the next one.
STARTS = {"installed": install_this, "dumped": restore_this}
TAGS = {path.stem: restore_tag(path) for path in sorted(DUMPS.glob("*.sql"))}
CASES = [("installed", "yoyo"), ("dumped", "psql"), *itertools.product(TAGS, WAYS)]


def publish(package: Package, db: Database, folder: Path) -> None:
    """Publish, with a key that is made by the first to do so."""
    if not (key := folder / "key").exists():
        package.done("keygen", "--name", "upgraded", "--out", str(key))
    package.done("publish", "--key", str(key), "--out", f"{folder}/kept", dsn=db.dsn)


def upgrade(
    package: Package,
    db: Database,
    folder: Path,
    way: Callable[[Package, Database, Path], list[str]],
) -> list[str]:
    """Upgrade a store that has a history; whatever it held has to be there after.

    Returns the ids of what was applied.
    """
    publish(package, db, folder)
    with db.connect(autocommit=True) as connection:
        before = kept(connection)
        assert min(map(len, before.values())) > 0
        applied = way(package, db, folder / "scripts")
        assert changed(connection, before) == []
        assert connection.execute(BROKEN.encode()).fetchall() == []
        require_works(package, db, connection)
    publish(package, db, folder)
    exported = str(folder / "exported")
    package.done("export", exported, dsn=db.dsn)
    report = package.done(
        *("verify", exported, "--key", f"{folder}/key.vkey"),
        *("--checkpoints", f"{folder}/kept"),
    )
    assert "clean" in report
    return applied


def require_works(package: Package, db: Database, connection: Connection) -> None:
    """Append, fold, seal and verify after an upgrade."""
    append_orders(connection, 401, 410)
    package.done("work", "--once", dsn=db.dsn)
    rows = connection.execute(
        "select count(*), sum(o.paid) from shop.orders_summary as o"
        " where o.aggregate_id > '0190a3c0-0000-7000-8000-000000000400'"
    ).fetchall()
    assert rows == [(10, sum(range(401, 411)))]
    for query in (
        "select v.* from evident.projection as p"
        " cross join lateral evident.verify_projection(p.name) as v",
        "select v.* from evident.verify_ledger() as v",
        "select s.name from evident.projection_status as s where s.state <> 'running'"
        " or s.is_stale or s.failures > 0",
        BROKEN,
    ):
        assert connection.execute(query.encode()).fetchall() == []


@pytest.mark.parametrize(("start", "way"), CASES)
def test_an_older_store_is_upgraded(
    following: Following,
    empty_db: Database,
    tmp_path: Path,
    major: int,
    start: str,
    way: str,
) -> None:
    package, dsn = following.package, empty_db.dsn
    wanted, pending = following.fingerprint, [NEXT]
    (STARTS | TAGS)[start](empty_db)
    if start in TAGS:
        package, wanted = THIS, str(fingerprints.expected(major))
        pending = IDS[IDS.index(version_of(empty_db)) + 1 :]
    shown = package.done("status", dsn=dsn)
    if pending:
        said = f"older than this package; pending: {', '.join(pending)}\n"
        assert said in shown
        assert "NOT" not in shown

    assert upgrade(package, empty_db, tmp_path, WAYS[way]) == pending

    assert fingerprints.installed(empty_db.connect()) == wanted
    if package is following.package:
        assert fingerprint(empty_db.connect()) ^ following.catalog == set()
    shown = package.done("status", dsn=dsn)
    assert f"{wanted}, as this package installs\n" in shown
    assert "pending" not in shown and "no mark" not in shown
    assert package.done("migrate", dsn=dsn) == ""


def test_the_older_package_leaves_a_newer_store_alone_and_a_rollback_returns_to_it(
    following: Following,
    filled_db: Database,
    major: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dsn = filled_db.dsn
    following.package.done("migrate", dsn=dsn)
    refused = THIS.run("migrate", dsn=dsn)
    assert refused.returncode == 1
    said = f"{NEXT}, which this package does not have"
    assert said in refused.stderr
    assert "pip install --upgrade pg-evident" in refused.stderr
    status.show(dsn)
    assert said in capsys.readouterr().out

    assert following.package.done("rollback", dsn=dsn) == f"{NEXT}\n"
    with filled_db.connect() as connection:
        assert fingerprints.installed(connection) == fingerprints.expected(major)
        assert connection.execute(BROKEN.encode()).fetchall() == []
    assert fingerprints.complaint(dsn) is None
    assert migrate(dsn) == []


def test_the_made_up_migration_follows_the_rules(following: Following) -> None:
    assert check(following.package.root) == []


def test_a_migration_that_forgets_to_record_the_baseline_is_found(
    filled_db: Database, tmp_path: Path
) -> None:
    """The broken twin: found by the check, by migrate, and by the test above."""
    package = make_next(tmp_path / "forgetful", records=False)
    found = {(each.path.name, each.rule) for each in check(package.root)}
    assert found == {
        (f"{NEXT}.sql", "baseline"),
        (f"{NEXT}.rollback.sql", "baseline"),
    }

    def forgetful(package: Package, db: Database, _folder: Path) -> list[str]:
        done = package.run("migrate", dsn=db.dsn)
        assert "table evident.made_up" in done.stderr, done.stderr
        assert "guard_status" in done.stderr
        return done.stdout.splitlines()

    with (
        contextlib.closing(package),
        pytest.raises(AssertionError, match="made_up"),
    ):
        upgrade(package, filled_db, tmp_path, forgetful)


def test_a_row_that_an_upgrade_changes_is_found(filled_db: Database) -> None:
    """The broken twin of what is compared before and after."""
    with filled_db.connect(autocommit=True) as connection:
        before = kept(connection)
        connection.execute("alter table evident.event_store add column made_up text")
        assert changed(connection, before) == []
        connection.execute("delete from shop.orders_summary where quantity = 1")
        connection.execute("update evident.projection set state = 'paused'")
        assert changed(connection, before) == [
            "evident.projection",
            "shop.orders_summary",
        ]


def test_migrate_names_what_differs(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = db.dsn
    assert fingerprints.complaint(dsn) is None
    with db.connect(autocommit=True) as connection:
        connection.execute("create function evident.extra() returns int return 1")
        again = THIS.run("migrate", dsn=dsn)
        assert again.returncode == 0
        (line,) = (each for each in again.stderr.splitlines() if "warning" in each)
        assert "NOT as this package installs" in line
        assert "function evident.extra()" in line
        assert "select * from evident.guard_status() where not is_intact" in line
        status.show(dsn)
        shown = line_of(capsys.readouterr().out, "catalog")
        assert line.removeprefix("warning: ").split() == shown.split()
        # Accepted by an owner, there is nothing that could be named.
        connection.execute("set role evident_owner")
        connection.execute("select evident._record_baseline()")
    status.show(dsn)
    line = line_of(capsys.readouterr().out, "catalog")
    assert "NOT as this package installs" in line
    assert "a change was accepted there" in line


def line_of(text: str, name: str) -> str:
    (line,) = (each for each in text.splitlines() if each.startswith(name))
    return line


def test_a_mark_is_refused_where_nothing_says_what_is_installed(
    empty_db: Database,
) -> None:
    with empty_db.connect(autocommit=True) as connection:
        connection.execute("create schema evident")
        with pytest.raises(Failure, match=r"without evident\.version\(\)"):
            mark(empty_db.dsn)
        connection.execute("drop schema evident")
        migrate(empty_db.dsn)
        # Also where there are marks, with nothing to compare them with.
        connection.execute("drop function evident.version()")
        with pytest.raises(Failure, match=r"without evident\.version\(\)"):
            mark(empty_db.dsn)


def test_a_store_that_psql_installed_has_nothing_pending(
    engine_db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    status.show(engine_db.dsn)
    shown = capsys.readouterr().out
    assert shown.count("no mark: evident migrate --mark") == len(IDS)
    examples = places.migration_files(places.EXAMPLES)
    assert shown.count("pending") == len(examples)


def test_each_version_is_told_and_upgraded_by_psql(
    empty_db: Database, major: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = empty_db.dsn
    migrate(dsn)
    for version in reversed(IDS[:-1]):
        rollback(dsn)
        status.show(dsn)
        shown = capsys.readouterr().out
        pending = ", ".join(IDS[IDS.index(version) + 1 :])
        said = f"{version}, older than this package; pending: {pending}"
        assert line_of(shown, "evident").endswith(said)
        if "\ncatalog" in shown:
            assert line_of(shown, "catalog").endswith(f" of {version}")
            assert "NOT" not in shown
    printed = "\n".join(upgrades.scripts(IDS[0]).values())
    done = run_psql(empty_db.server, dsn, "-", given=printed)
    assert done.returncode == 0, done.stderr
    found = fingerprints.installed(empty_db.connect())
    assert found == fingerprints.expected(major)
    assert mark(dsn) == IDS[1:]
