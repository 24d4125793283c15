"""A store that was tampered with is exported as it is, for the verifier to judge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Database, create_database, fresh_database
from ledger.test_export import command
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from support.clients.calls import Connection
from support.clients.publishing import auditor_dsn
from support.models.ledger_lab import as_owner
from support.models.ledger_store import content, entries_of, leaf_hash, publish_at

pytestmark = [pytest.mark.usefixtures("auditor"), pytest.mark.once]

GAP = "select nextval('evident.event_store_id_seq')"
EDIT = "update evident.event_store set payload = '{}' where id = %s"
DELETE = "delete from evident.event_store where id = %s"
INSERT = """
    insert into evident.event_store (id, aggregate_id, version, event_type, payload)
    overriding system value
    values (%s, gen_random_uuid(), 1, 'Forged', '{}')
"""
BUNDLES = {
    "tile/entries/000": 256,
    "tile/entries/001": 256,
    "tile/entries/002.p/88": 88,
}


@pytest.fixture(scope="module")
def logged(server: Server, template: str) -> str:
    """Name a log of 600 leaves with a gap of one id behind leaf 9 and 549 each."""
    name = "evident_logged"
    create_database(server, name, template)
    with connect(server.uri_for(name), autocommit=True) as connection:
        for size in (10, 550):
            publish_at(connection, size)
            connection.execute(GAP)
        publish_at(connection, 600)
    return name


@pytest.fixture
def db(server: Server, logged: str) -> Iterator[Database]:
    """Give a copy of the log to one test."""
    with fresh_database(server, logged) as database:
        yield database


def exported(db: Database, directory: Path) -> dict[str, bytes]:
    code, err = command(auditor_dsn(db), str(directory))
    assert code == 0, err
    return content(directory)


def sizes(found: dict[str, bytes]) -> dict[str, int]:
    return {name: len(entries_of(found[name])) for name in BUNDLES}


@pytest.mark.parametrize(("event", "bundle"), [(100, "000"), (590, "002.p/88")])
def test_an_edited_event_is_exported(
    db: Database,
    owner: Connection,
    tmp_path: Path,
    event: int,
    bundle: str,
) -> None:
    before = exported(db, tmp_path / "before")
    as_owner(owner, [EDIT % event])
    after = exported(db, tmp_path / "after")
    old = before[f"tile/entries/{bundle}"]
    new = after[f"tile/entries/{bundle}"]
    changed = [
        one != other
        for one, other in zip(entries_of(old), entries_of(new), strict=True)
    ]
    assert changed.count(True) == 1
    assert before["checkpoint"] == after["checkpoint"]
    assert before["tile/0/000"] == after["tile/0/000"]
    assert b'"payload": "{}"' in after["events.ndjson"]


@pytest.mark.parametrize(
    ("statement", "bundle", "change"),
    [
        (DELETE % 100, "tile/entries/000", -1),
        (DELETE % 257, "tile/entries/000", -1),
        (DELETE % 258, "tile/entries/001", -1),
        (DELETE % 1, "tile/entries/000", -1),
        (DELETE % 513, "tile/entries/001", -1),
        (INSERT % 11, "tile/entries/000", 1),
        (INSERT % -1, "tile/entries/000", 1),
        (INSERT % 552, "tile/entries/002.p/88", 1),
    ],
)
def test_a_missing_or_an_added_event_shows_in_its_own_bundle(
    db: Database,
    owner: Connection,
    tmp_path: Path,
    statement: str,
    bundle: str,
    change: int,
) -> None:
    as_owner(owner, [statement])
    found = exported(db, tmp_path / "log")
    expected = BUNDLES | {bundle: BUNDLES[bundle] + change}
    assert sizes(found) == expected
    assert found["events.ndjson"].count(b"\n") == 600 + change


def test_a_lost_tile_is_made_of_what_is_below_it(
    db: Database, owner: Connection, tmp_path: Path
) -> None:
    before = exported(db, tmp_path / "before")
    as_owner(owner, ["delete from evident.ledger_tile"])
    after = exported(db, tmp_path / "after")
    assert sizes(after) == BUNDLES
    for name, count in BUNDLES.items():
        # Without the rows of the tiles before, only the first tile can be placed.
        assert after[name] == before[name]
        assert len(after[name.replace("entries", "0")]) == 32 * count
    for name in ("checkpoint", "events.ndjson", "tile/0/000"):
        assert after[name] == before[name]


@pytest.mark.parametrize("event", [602, 553, 514])
def test_an_export_that_would_look_cut_off_is_refused(
    db: Database, owner: Connection, tmp_path: Path, event: int
) -> None:
    as_owner(owner, [DELETE % event])
    code, err = command(auditor_dsn(db), str(tmp_path / "log"))
    assert code == 1
    assert "error: 1 of the newest sealed events are gone: history was changed" in err
    assert "--checkpoint FILE" in err
    assert not (tmp_path / "log/checkpoint").exists()


def test_a_log_that_lost_its_tail_is_exported_at_an_earlier_checkpoint(
    db: Database, owner: Connection, tmp_path: Path
) -> None:
    note = owner.execute(
        "select p.checkpoint from evident.ledger_publication as p"
        " where p.tree_size = 550"
    ).fetchone()
    assert note is not None
    (tmp_path / "note").write_text(note[0])
    as_owner(
        owner,
        [
            "delete from evident.event_store where id > 580",
            "delete from evident.tree_head where tree_size > 550",
            "update evident.ledger_state"
            " set head_number = (select h.number from evident._tree_head() as h)",
            "select evident.seal()",
        ],
    )
    dsn = auditor_dsn(db)
    code, err = command(dsn, str(tmp_path / "log"))
    assert code == 1
    assert "error: the log has 578 leaves, the checkpoint has 600" in err
    assert "--checkpoint FILE" in err
    code, _ = command(
        dsn, str(tmp_path / "log"), "--checkpoint", str(tmp_path / "note")
    )
    assert code == 0
    assert content(tmp_path / "log")["events.ndjson"].count(b"\n") == 550


def test_the_hashes_of_honest_leaves_are_those_of_their_entries(
    db: Database, owner: Connection, tmp_path: Path
) -> None:
    found = exported(db, tmp_path / "log")
    for name in BUNDLES:
        tile = found[name.replace("entries", "0")]
        assert tile == b"".join(map(leaf_hash, entries_of(found[name])))
