"""Promise 28: rows depend on events and their keys, and on no setting of a session."""

from __future__ import annotations

import json
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import SETTINGS, Database, create_database, fresh_database
from pg_evident.migrate.run import migrate
from pg_evident.server.temporary import ephemeral
from support.models.settings import PAYLOAD, PINNED, TELL, Pinned, classified
from support.twins import install

Connection = psycopg.Connection[Any]

# told.kept and told.many are kept by appends, by aggregate and by a key that is made of
# the setting's value itself; told.run is run.
MODELS = """
set role evident_projector;
create table told.{name} (key {key} primary key, told text);
create function told.fold_{name}(p_row told.{name}, e evident.event_store)
returns told.{name} language plpgsql stable as $fold$
begin
    p_row.told := concat_ws('|', p_row.told, {tells});
    return p_row;
end $fold$;
create function told.keys_{name}(e evident.event_store)
returns text language sql stable as $keys$ select {tells} $keys$;
select evident.create_projection(
    'told.{name}', 'told.fold_{name}(told.{name}, evident.event_store)', null,
    '{mode}', {keys}
);
reset role;
"""
KEYS = "'told.keys_{name}(evident.event_store)'"
# Type of the key, mode, and how many rows twelve events make.
SHAPES = {
    "kept": ("uuid", "sync", 6),
    "many": ("text", "sync", 1),
    "run": ("uuid", "async", 6),
    "elsewhere": ("uuid", "sync", 6),
}


def make(connection: Connection, pinned: Pinned, name: str) -> None:
    """Make one of the read models of a setting."""
    key, mode, _ = SHAPES[name]
    connection.execute(
        MODELS.format(
            name=name,
            key=key,
            mode=mode,
            tells=pinned.tells,
            keys=KEYS.format(name=name) if key == "text" else "null",
        )
    )


def append(connection: Connection) -> list[uuid.UUID]:
    """Append the same event in each way; give the aggregates."""
    ids = [uuid.uuid4() for _ in range(3)]
    payload = json.dumps(PAYLOAD)
    event = {"type": "Told", "payload": PAYLOAD}
    for expected in range(2):
        connection.execute(
            "select evident.append_event(%s, 'Told', %s, %s)",
            [ids[0], payload, expected],
        )
    connection.execute(
        "select evident.append_events(%s, %s)", [ids[1], json.dumps([event, event])]
    )
    connection.execute(
        "select evident.append_batch(%s)",
        [
            json.dumps(
                [
                    {
                        "aggregate_id": str(ids[2]),
                        "expected_version": 0,
                        "events": [event, event],
                    }
                ]
            )
        ],
    )
    return ids


def answers(connection: Connection) -> list[Any]:
    """Give what the store says of itself, which no setting changes."""
    found: list[Any] = []
    for sql in (
        "select evident.fingerprint()",
        "select g.* from evident.guard_status() as g where not g.is_intact",
        "select s.name, s.is_stale from evident.projection_status as s order by s.name",
        "select v.problem from evident.verify_ledger() as v",
        "select encode(evident.leaf_hash(e), 'hex') from evident.event_store as e"
        " order by e.id",
    ):
        found.append(connection.execute(sql).fetchall())
    return [each for each in found if each != []]


def differing(db: Database, pinned: Pinned) -> list[str]:
    """Tell what the other value of a setting changes, and what drifts."""
    plain = db.connect(autocommit=True)
    plain.execute(TELL)
    with_other = {"options": f"-c {pinned.name}={pinned.other}"}
    other = db.connect(autocommit=True, **with_other)
    told = [
        each.execute(
            "select {} from (select %s::jsonb as payload) as e".format(
                pinned.tells.replace("%", "%%")
            ),
            [json.dumps(PAYLOAD)],
        ).fetchone()
        for each in (plain, other)
    ]
    assert told[0] != told[1], "the setting changes nothing here"

    for name in SHAPES:
        make(other if name == "elsewhere" else plain, pinned, name)
    found = []
    ids = append(plain) + append(other)
    for count, each in enumerate((plain, other), start=1):
        each.execute("select evident.run_projection('told.run', %s)", [4 + count])
    plain.execute("select evident.run_projection('told.run')")
    for name, (_, _, rows) in SHAPES.items():
        stored = plain.execute(f"select told from told.{name}").fetchall()
        if len(stored) != rows or len(set(stored)) != 1:
            found.append(f"rows of {name}: {stored}")
    other.execute("select evident.seal()")
    plain.execute("select evident.seal()")
    found += [
        f"the store answers differently: {one} {two}"
        for one, two in zip(answers(plain), answers(other), strict=True)
        if one != two
    ]
    for name in SHAPES:
        each = plain if name == "elsewhere" else other
        drift = each.execute(
            "select * from evident.verify_projection(%s)", [f"told.{name}"]
        ).fetchall()
        written = each.execute(
            "select evident.rebuild_projection(%s)", [f"told.{name}"]
        ).fetchone()
        if drift or written != (0,):
            found.append(f"{name} drifts: {drift} {written}")
    projected = {
        each.execute(
            "select evident.project('told.kept', %s) ->> 'told'", [str(ids[0])]
        ).fetchone()
        for each in (plain, other)
    }
    if projected != set(stored):
        found.append(f"projected: {projected}")
    return found


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    "pinned", [each for each in PINNED if not each.needs_locale], ids=lambda p: p.name
)
def test_no_setting_changes_a_row(db: Database, pinned: Pinned) -> None:
    if pinned.needs_xml:
        _skip_without_xml(db)
    assert differing(db, pinned) == []


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    "pinned", [each for each in PINNED if each.needs_locale], ids=lambda p: p.name
)
def test_no_locale_changes_a_row(german: Database, pinned: Pinned) -> None:
    assert differing(german, pinned) == []


@pytest.mark.twin_of(28)
@pytest.mark.parametrize("name", ["intervalstyle", "array_nulls"])
def test_two_pinned_settings_are_not_enough(db: Database, name: str) -> None:
    install(db.connect(autocommit=True), "two_settings")
    assert differing(db, next(each for each in PINNED if each.name == name))


def test_each_setting_of_a_login_is_pinned_or_has_a_reason(db: Database) -> None:
    connection = db.connect(autocommit=True)
    connection.execute("do $$ begin end $$")
    rows = connection.execute(
        "select lower(s.name) from pg_settings as s where s.context = 'user'"
    ).fetchall()
    assert {name for (name,) in rows} - classified() == set()


def test_the_settings_are_those_of_the_store(db: Database) -> None:
    rows = (
        db.connect()
        .execute("select s.name from evident._fold_settings() as s")
        .fetchall()
    )
    assert {name for (name,) in rows} == {each.name for each in PINNED}


@pytest.fixture(scope="module")
def germany(major: int) -> Iterator[Database]:
    """Give a migrated database on a server that knows a German locale."""
    if not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("the system has no sources of locales")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = ["localedef", "-i", "de_DE", "-f", "UTF-8", f"{folder}/de_DE.UTF-8"]
        subprocess.run(made, check=True, capture_output=True)
        with ephemeral(major, SETTINGS, environment={"LOCPATH": folder}) as server:
            create_database(server, "german", "template0")
            migrate(server.uri_for("german"))
            yield Database("german", server)


@pytest.fixture
def german(germany: Database) -> Iterator[Database]:
    """Give a database of its own on that server."""
    with fresh_database(germany.server, germany.name) as database:
        yield database


def _skip_without_xml(db: Database) -> None:
    try:
        db.connect(autocommit=True).execute("select '<a/>'::xml")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server is built without XML")
