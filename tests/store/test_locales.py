"""Promise 35: no answer depends on the order in which a database sorts text."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import SETTINGS, Database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.checkers.fingerprint import fingerprint
from support.checkers.projections import drift
from support.models.read_models import make_read_models
from support.servers import dumps

pytestmark = pytest.mark.promise(35)

Connection = psycopg.Connection[Any]

# In one order by their bytes, in another one in German.
TYPES = ["Zahl", "apfel", "Apfel", "zahl", "\u00c4pfel", "_x", "b-c", "bc"]
CONSUMER = "select evident.create_consumer('mail', 1, %s)"
PROJECTION = """
select evident.create_projection(
    'shop.types', 'shop.apply_types(shop.types, evident.event_store)', %s, 'sync',
    'shop.types_key(evident.event_store)'
)
"""
ROWS = """
select t.event_type, t.events from shop.types as t order by t.event_type collate "C"
"""
SLICES = 3


@pytest.fixture(scope="module")
def worldly(major: int) -> Iterator[tuple[Server, str]]:
    """Give a server, and how a database is made there that sorts as Germans do."""
    with contextlib.ExitStack() as cleanup:
        environment = {}
        german = "locale_provider icu icu_locale 'de' locale 'C'"
        if major == 18:
            # Built without ICU: a locale of the C library, made here.
            if shutil.which("localedef") is None:
                pytest.skip("no localedef")
            folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
            folder.chmod(0o755)
            name = folder / "de_DE.UTF-8"
            subprocess.run(
                ["localedef", "-i", "de_DE", "-f", "UTF-8", name], check=True
            )
            environment = {"LOCPATH": str(folder)}
            german = "locale_provider libc locale 'de_DE.UTF-8'"
        server = ephemeral(major, SETTINGS, environment=environment)
        yield cleanup.enter_context(server), german


@contextlib.contextmanager
def made(server: Server, name: str, how: str) -> Iterator[Database]:
    """Make a database that sorts so, and drop it at the end."""
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0 {how}".encode())
        database = Database(name, server)
        try:
            yield database
        finally:
            database.close()
            connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def bytewise(worldly: tuple[Server, str]) -> Iterator[Database]:
    """Give a store in a database that sorts text by its bytes."""
    with made(worldly[0], "bytewise", "locale 'C'") as database:
        migrate(database.dsn, examples=True)
        yield database


@pytest.fixture
def german(worldly: tuple[Server, str]) -> Iterator[Database]:
    """Give an empty database that sorts text as Germans do."""
    with made(worldly[0], "german", worldly[1]) as database:
        yield database


def fill(connection: Connection) -> None:
    """Register a consumer and a projection of several types, append, and seal."""
    make_read_models(connection)
    connection.execute("select evident.drop_projection('shop.types')")
    connection.execute("truncate shop.types")
    connection.execute(PROJECTION, [TYPES])
    connection.execute(CONSUMER, [TYPES])
    for number in range(40):
        connection.execute(
            "select evident.append_event(gen_random_uuid(), %s, '{}')",
            [TYPES[number % len(TYPES)] + ("" if number < 20 else str(number))],
        )
    for kind in TYPES:
        connection.execute(
            "select evident.append_event(gen_random_uuid(), %s, '{}')", [kind]
        )
    connection.execute("select evident.seal()")


def moved(source: Database, target: Database) -> tuple[Connection, Connection]:
    """Fill a store, dump it and restore it in the other order."""
    old = source.connect(autocommit=True)
    fill(old)
    dumps.restore(dumps.dump(source), target)
    new = target.connect(autocommit=True)
    ask = "select array_agg(t.x order by t.x) from unnest(%s::text[]) as t (x)"
    assert old.execute(ask, [TYPES]).fetchall() != new.execute(ask, [TYPES]).fetchall()
    return old, new


def violations(connection: Connection) -> list[str]:
    """Say what has changed for a store that is only in another place."""
    found = []
    guards = connection.execute(
        "select g.name from evident.guard_status() as g where not g.is_intact"
    ).fetchall()
    found += [f"not intact: {name}" for (name,) in guards]
    connection.execute("select evident.seal()")
    changes = connection.execute(
        "select count(*) from evident.event_store as e"
        " where e.event_type = 'GuardChanged'"
    ).fetchone()
    if changes != (1,):
        found.append(f"{changes} events GuardChanged")
    stale = connection.execute(
        "select s.name from evident.projection_status as s where s.is_stale"
    ).fetchall()
    found += [f"stale: {name}" for (name,) in stale]
    for call, what in ((CONSUMER, "consumer"), (PROJECTION, "projection")):
        state = f"select p.xmin from evident.{what} as p".encode()
        before = sorted(connection.execute(state).fetchall())
        try:
            connection.execute(call, [list(reversed(TYPES))])
        except psycopg.Error as error:
            found.append(f"{what}: {error.sqlstate}")
        if sorted(connection.execute(state).fetchall()) != before:
            found.append(f"{what}: written again")
    return found


def test_a_store_that_is_restored_into_another_order_is_the_same(
    bytewise: Database, german: Database
) -> None:
    old, new = moved(bytewise, german)
    assert fingerprint(new) == fingerprint(old)
    assert violations(new) == []
    assert new.execute("select * from evident.verify_ledger()").fetchall() == []


@pytest.mark.twin_of(35)
def test_types_in_the_order_of_the_database_are_caught(
    bytewise: Database, german: Database
) -> None:
    with bytewise.connect(autocommit=True) as connection:
        for name in ("create_consumer", "create_projection"):
            row = connection.execute(
                "select pg_get_functiondef(p.oid) from pg_proc as p"
                " where p.proname = %s",
                [name],
            ).fetchone()
            assert row is not None and ' collate "C"' in row[0]
            connection.execute(row[0].replace(' collate "C"', "").encode())
        connection.execute("select evident._record_baseline()")
    found = violations(moved(bytewise, german)[1])
    assert "consumer: PT400" in found
    assert "projection: written again" in found


def test_slices_hold_each_key_once_in_any_order(
    bytewise: Database, german: Database
) -> None:
    old, new = moved(bytewise, german)
    before = new.execute(ROWS).fetchall()
    assert before == old.execute(ROWS).fetchall()
    for connection in (old, new):
        connection.execute("delete from shop.types")
    shares = [
        [
            connection.execute(
                "select evident.rebuild_projection('shop.types', %s, %s)",
                [slice_, SLICES],
            ).fetchone()
            for slice_ in range(SLICES)
        ]
        for connection in (old, new)
    ]
    assert shares[0] == shares[1]
    assert sum(share for (share,) in shares[0]) == len(before)
    assert new.execute(ROWS).fetchall() == before
    assert drift(new) == []


def test_a_read_model_with_two_rows_of_a_key_is_named_and_can_be_repaired(
    bytewise: Database,
) -> None:
    """As a new collation library leaves it: the index does not find a row."""
    connection = bytewise.connect(autocommit=True)
    fill(connection)
    before = connection.execute(ROWS).fetchall()
    connection.execute("alter table shop.types drop constraint types_pkey")
    connection.execute("insert into shop.types select t.* from shop.types as t")
    connection.execute("update shop.types set events = 7")
    connection.execute("create index on shop.types (event_type)")
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        connection.execute("select evident.rebuild_projection('shop.types')")
    hint = refused.value.diag.message_hint
    assert hint is not None and "truncate shop.types" in hint
    connection.execute("truncate shop.types; reindex table shop.types")
    connection.execute("alter table shop.types add primary key (event_type)")
    connection.execute("select evident.rebuild_projection('shop.types')")
    assert connection.execute(ROWS).fetchall() == before
