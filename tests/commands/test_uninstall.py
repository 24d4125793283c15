"""What a rollback is to refuse: it sees all that there is, and drops what it saw."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from conftest import Database
from pg_evident import places
from pg_evident.database import connect
from support.clients.dbas import run
from support.clients.waiting import Background, wait_for
from support.servers.install_scripts import (
    SAVES,
    SEALED,
    UNINSTALL,
    everything,
    require_nothing_changed,
)
from support.servers.psql import run_psql


def uninstall(db: Database, level: str, script: Path = UNINSTALL) -> str:
    """Run a script at an isolation level, and return its errors."""
    options = quote(f"-c default_transaction_isolation={level}")
    return run_psql(db.server, f"{db.dsn}&options={options}", script, *SAVES).stderr


def uninstall_beside_an_append(db: Database, *words: str | Path) -> str:
    """Commit an event while the script waits for a lock, and return its errors."""
    with connect(db.dsn, autocommit=True) as watcher, connect(db.dsn) as writer:
        writer.execute(SEALED[0].encode())
        task = Background(lambda: uninstall(db, *words))
        wait_for(watcher, "exists (select from pg_locks as l where not l.granted)")
        writer.commit()
        return task.result()


@pytest.mark.promise(24)
def test_an_event_committed_while_uninstall_waits_is_kept(engine_db: Database) -> None:
    error = uninstall_beside_an_append(engine_db, "read\\ committed")
    assert "holds events" in error
    assert run(engine_db.dsn, "select count(*) from evident.event_store") == [(1,)]


@pytest.mark.promise(24)
def test_uninstall_is_refused_where_it_would_not_see_such_an_event(
    engine_db: Database,
) -> None:
    require_nothing_changed(
        engine_db.dsn,
        "has one snapshot for all statements",
        lambda: uninstall(engine_db, "repeatable\\ read"),
        lambda: uninstall(engine_db, "serializable"),
    )


@pytest.mark.twin_of(24)
def test_an_uninstall_that_asks_an_old_snapshot_is_told_apart(
    engine_db: Database, tmp_path: Path
) -> None:
    script = tmp_path / "uninstall.sql"
    text = UNINSTALL.read_text()
    looks = ("perform evident._refuse_one_snapshot();", "in ('repeatable read', 's")
    assert [text.count(each) for each in looks] == [2, 2]
    script.write_text(text.replace(looks[0], "").replace(looks[1], "in ('x', 's"))
    error = uninstall_beside_an_append(engine_db, "repeatable\\ read", script)
    assert "ERROR" not in error
    assert run(engine_db.dsn, "select to_regnamespace('evident')") == [(None,)]


@pytest.mark.promise(24)
def test_a_policy_hides_no_event_from_uninstall(engine_db: Database) -> None:
    run(
        engine_db.dsn,
        SEALED[0],
        "set role evident_owner;"
        " alter table evident.event_store enable row level security;"
        " alter table evident.event_store force row level security",
    )
    require_nothing_changed(
        engine_db.dsn,
        "row-level security",
        lambda: uninstall(engine_db, "read\\ committed"),
    )


DROP_PROJECTION = "select evident.drop_projection('m.s')"
READ_MODEL = """
create schema m authorization evident_projector;
set role evident_projector;
create table m.s (key uuid primary key, n integer);
create function m.apply_s(p_row m.s, p_event evident.event_store)
returns m.s language sql immutable return p_row;
select evident.create_projection(
    'm.s', 'm.apply_s(m.s, evident.event_store)', null
);
reset role
"""


def test_what_uninstall_refuses_is_in_its_header_and_its_hints_lead_out(
    engine_db: Database,
) -> None:
    header = UNINSTALL.read_text().split("\n\n")[0]
    run(engine_db.dsn, READ_MODEL, "select evident.create_consumer('mail')")
    for said, code, hint, way_out in (
        ("registered projections", "PT403", "drop_projection", DROP_PROJECTION),
        ("as a fold does", "2BP01", "drop or change what", "drop schema m cascade"),
    ):
        assert said in header and code in header
        error = uninstall(engine_db, "read\\ committed")
        assert hint in error and "CASCADE" not in error
        run(engine_db.dsn, way_out)
    assert "consumers" in header
    assert "ERROR" not in uninstall(engine_db, "read\\ committed")
    assert run(engine_db.dsn, "select to_regnamespace('evident')") == [(None,)]


@pytest.mark.parametrize("statements", [SEALED[:1], SEALED])
def test_the_hint_of_a_store_with_history_says_how_all_of_it_goes(
    engine_db: Database, statements: tuple[str, ...]
) -> None:
    run(engine_db.dsn, *statements)
    error = uninstall(engine_db, "read\\ committed")
    found = re.search(r"back it up and run: (.*)", error)
    assert found
    run(engine_db.dsn, found[1])
    assert run(engine_db.dsn, "select to_regnamespace('evident')") == [(None,)]


@pytest.mark.promise(24)
@pytest.mark.parametrize("is_one", [True, False])
def test_a_rollback_by_hand_whose_refusal_is_passed_over_drops_no_event(
    engine_db: Database, is_one: bool
) -> None:
    run(engine_db.dsn, *SEALED)
    _, rows = everything(engine_db.dsn)
    for name in ("0008_ledger", "0002_event_store"):
        path = places.ROOT / f"migrations/{name}.rollback.sql"
        done = run_psql(engine_db.server, engine_db.dsn, path, *SAVES, is_one=is_one)
        assert "rollback refused" in done.stderr
    assert everything(engine_db.dsn)[1] == rows
