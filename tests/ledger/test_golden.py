"""The leaves of known events are the same everywhere, and for ever."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Database
from golden.make_leaves import leaves_text
from support.clients.calls import Connection
from support.clients.publishing import Outside, auditor_dsn
from support.models.golden import FOLDER, golden_leaves, store_golden, stored_leaves
from support.models.ledger_lab import evident
from support.models.ledger_store import content, entries_of, seal
from support.twins import install

pytestmark = pytest.mark.promise(13)

SETTINGS = [
    *[f"timezone = '{each}'" for each in ("UTC", "Asia/Kolkata", "America/St_Johns")],
    *[f"datestyle = '{each}'" for each in ("German", "SQL, MDY", "Postgres, DMY")],
    *[f"intervalstyle = '{each}'" for each in ("sql_standard", "iso_8601")],
    *[f"client_encoding = '{each}'" for each in ("LATIN1", "SQL_ASCII", "EUC_JP")],
    *[f"extra_float_digits = {each}" for each in (-15, 0, 3)],
    *[f"bytea_output = '{each}'" for each in ("escape", "hex")],
    *[f"search_path = {each}" for each in ("''", "evident, pg_catalog", "pg_temp")],
    "xmlbinary = 'hex'",
    "quote_all_identifiers = on",
]
PROBLEMS = "select v.* from evident.verify_ledger() as v"


@pytest.fixture
def golden(owner: Connection) -> Connection:
    """Give the connection of an owner who has stored the golden events."""
    store_golden(owner)
    return owner


def differing(db: Database) -> list[str]:
    """List the settings under which leaves are others than they must be."""
    known = golden_leaves()
    found = []
    for setting in SETTINGS:
        with db.connect(autocommit=True) as connection:
            connection.execute(f"set {setting}".encode())
            if stored_leaves(connection) != (known.entries, known.hashes):
                found.append(setting)
    return found


def test_the_files_are_what_the_format_says() -> None:
    events = (FOLDER / "events.ndjson").read_bytes()
    assert (FOLDER / "leaves.txt").read_text() == leaves_text(events)


def test_leaves_are_the_same_under_every_setting(
    db: Database, golden: Connection
) -> None:
    assert differing(db) == []


@pytest.mark.twin_of(13)
def test_leaves_that_follow_the_session_are_caught(
    db: Database, golden: Connection
) -> None:
    install(golden, "session_leaf")
    assert differing(db) == SETTINGS


def test_the_settings_of_the_writer_do_not_matter(
    db: Database, owner: Connection
) -> None:
    for setting in ("timezone = 'Asia/Tokyo'", "datestyle = 'SQL, DMY'"):
        owner.execute(f"set {setting}".encode())
    owner.execute("set extra_float_digits = -15")
    store_golden(owner)
    assert differing(db) == []


def test_the_sealed_root_and_the_export_are_the_golden_ones(
    db: Database, golden: Connection, kept: Outside, tmp_path: Path
) -> None:
    known = golden_leaves()
    golden.execute("select evident.seal(%s)", [len(known.entries)])
    assert kept.publish(db) is not None
    text = (kept.directory / "checkpoint").read_text()
    assert text.split("\n")[2] == base64.b64encode(known.root).decode()

    log = tmp_path / "log"
    assert evident("export", log, "--dsn", auditor_dsn(db))[0] == 0
    found = content(log)
    assert found["events.ndjson"] == (FOLDER / "events.ndjson").read_bytes()
    width = len(known.entries)
    assert found[f"tile/0/000.p/{width}"] == b"".join(known.hashes)
    assert entries_of(found[f"tile/entries/000.p/{width}"]) == known.entries
    code, said = evident("verify", log, "--key", kept.publisher.key.vkey)
    assert code == 0, said


def dump_plain(db: Database, target: Database) -> None:
    tool = db.server.bindir
    dump = subprocess.run(
        [tool / "pg_dump", "-d", db.dsn], check=True, capture_output=True
    ).stdout
    subprocess.run(
        [tool / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target.dsn],
        input=dump,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def dump_archive(db: Database, target: Database) -> None:
    tool = db.server.bindir
    dump = subprocess.run(
        [tool / "pg_dump", "-Fc", "-d", db.dsn], check=True, capture_output=True
    ).stdout
    subprocess.run(
        [tool / "pg_restore", "--exit-on-error", "-d", target.dsn],
        input=dump,
        check=True,
    )


@pytest.mark.parametrize("move", [dump_plain, dump_archive])
def test_a_restored_ledger_is_the_same_and_goes_on(
    db: Database,
    empty_db: Database,
    golden: Connection,
    kept: Outside,
    tmp_path: Path,
    move: Callable[[Database, Database], None],
) -> None:
    count = len(golden_leaves().entries)
    golden.execute("select evident.seal(%s)", [count])
    kept.publish(db)
    golden.execute(
        "select evident.append_event(gen_random_uuid(), 'Noted', '{}')"
        " from generate_series(1, 600)"
    )
    size = seal(golden)
    kept.publish(db)

    def told(connection: Connection) -> list[Any]:
        """List all proofs, roots and heads."""
        queries = (
            "select p.* from evident.event_store as e"
            " cross join lateral evident.inclusion_proof(e.event_id) as p"
            " order by e.id",
            f"select evident.consistency_proof({count}, {size})",
            f"select evident.root_hash({count}), evident.root_hash({size})",
            "select h.* from evident.tree_head as h order by h.number",
            "select s.origin, s.leaves, s.root_hash from evident.ledger_status as s",
            PROBLEMS,
        )
        return [connection.execute(each.encode()).fetchall() for each in queries]

    before = told(golden)
    move(db, empty_db)
    restored = empty_db.connect(autocommit=True)
    assert differing(empty_db) == []
    assert told(restored) == before
    assert before[-1] == []

    restored.execute("select evident.append_event(gen_random_uuid(), 'Next', '{}')")
    assert seal(restored) > size
    # The publisher of the old database finds that this one continues it.
    assert kept.publish(empty_db) is not None
    assert restored.execute(PROBLEMS).fetchall() == []
    log = tmp_path / "log"
    assert evident("export", log, "--dsn", auditor_dsn(empty_db))[0] == 0
    code, said = evident(
        *("verify", log, "--key", kept.publisher.key.vkey),
        *("--checkpoints", kept.directory),
    )
    assert code == 0, said
