"""A proof leads from one event to a published root, or it is not written."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path

import pytest

from conftest import Database
from support.clients.calls import Connection
from support.clients.publishing import Outside, auditor_dsn
from support.models.ledger_lab import as_owner, evident, evident_apart
from support.models.ledger_store import fill, seal

pytestmark = [pytest.mark.usefixtures("auditor"), pytest.mark.once]


def command(db: Database, *words: object) -> tuple[int, str, str]:
    return evident_apart("prove", *map(str, words), "--dsn", auditor_dsn(db))


def event_at(owner: Connection, place: int) -> uuid.UUID:
    row = owner.execute(
        "select e.event_id from evident.event_store as e"
        " order by e.id limit 1 offset %s",
        [place],
    ).fetchone()
    assert row is not None
    return uuid.UUID(str(row[0]))


def publish(db: Database, owner: Connection, kept: Outside, size: int) -> None:
    fill(owner, size - seal(owner))
    seal(owner)
    kept.publish(db)


def is_proven(kept: Outside, proof: Path) -> bool:
    key = kept.publisher.key.vkey
    code, said = evident("verify", proof, "--key", key)
    print(said)
    assert code in (0, 1)
    return code == 0


@pytest.mark.parametrize(
    ("size", "places"), [(2, [0, 1]), (300, [0, 255, 256, 299]), (700, [511, 650])]
)
def test_a_proof_is_one_for_the_verifier(
    db: Database,
    owner: Connection,
    kept: Outside,
    tmp_path: Path,
    size: int,
    places: list[int],
) -> None:
    publish(db, owner, kept, size)
    # Newer events do not matter, nor that they are sealed.
    fill(owner, 100)
    seal(owner)
    for place in places:
        event = event_at(owner, place)
        code, out, err = command(
            db,
            event,
            *("--out", tmp_path / "new/proofs"),
            *("--key", kept.publisher.key.vkey),
        )
        proof = tmp_path / f"new/proofs/{event}.tlog-proof"
        assert (code, out, err) == (0, f"{proof}\n", "")
        lines = proof.read_text().split("\n")
        assert lines[:2] == ["c2sp.org/tlog-proof@v1", f"index {place}"]
        assert proof.read_text().endswith((kept.directory / "checkpoint").read_text())
        assert is_proven(kept, proof)
        beside = proof.with_suffix(".json")
        assert json.loads(beside.read_bytes())["event_id"] == str(event)
        beside.write_bytes(beside.read_bytes().replace(b'"Noted"', b'"Voted"'))
        if place:
            assert not is_proven(kept, proof)


def test_an_event_has_the_same_line_in_an_export(
    db: Database, owner: Connection, kept: Outside, tmp_path: Path
) -> None:
    publish(db, owner, kept, 20)
    event = event_at(owner, 7)
    assert command(db, event, "--out", tmp_path)[0] == 0
    assert evident("export", tmp_path / "log", "--dsn", auditor_dsn(db))[0] == 0
    lines = (tmp_path / "log/events.ndjson").read_bytes().split(b"\n")
    assert lines[7] + b"\n" == (tmp_path / f"{event}.json").read_bytes()


def test_what_cannot_be_proven_is_refused(
    db: Database, owner: Connection, kept: Outside, tmp_path: Path
) -> None:
    unknown = uuid.UUID(int=1)
    code, _, err = command(db, unknown, "--out", tmp_path / "proofs")
    assert code == 1
    assert err.startswith(f"error: PT404: no event {unknown}\n")

    fill(owner, 3)
    first, later = event_at(owner, 0), event_at(owner, 2)
    code, _, err = command(db, first, "--out", tmp_path / "proofs")
    assert (code, err) == (
        1,
        f"error: event {first} is not sealed yet\n"
        "hint: evident seal, then evident publish\n",
    )
    owner.execute("select evident.seal(1)")
    code, _, err = command(db, first, "--out", tmp_path / "proofs")
    assert code == 1
    assert err.endswith("hint: evident publish first\n")

    kept.publish(db)
    assert command(db, first, "--out", tmp_path / "proofs")[0] == 0
    shutil.rmtree(tmp_path / "proofs")
    owner.execute("select evident.seal()")
    code, _, err = command(db, later, "--out", tmp_path / "proofs")
    assert (code, err) == (
        1,
        f"error: event {later} is leaf 2, behind the newest published checkpoint of 1"
        " leaves\nhint: evident publish first\n",
    )
    assert command(db, "no-uuid")[0] == 2
    assert not (tmp_path / "proofs").exists()


@pytest.mark.parametrize("place", [3, 290])
def test_a_changed_event_has_no_proof(
    db: Database, owner: Connection, kept: Outside, tmp_path: Path, place: int
) -> None:
    publish(db, owner, kept, 300)
    event = event_at(owner, place)
    as_owner(
        owner,
        [
            "update evident.event_store set payload = '{\"n\": 0}'"
            f" where event_id = '{event}'"
        ],
    )
    code, _, err = command(db, event, "--out", tmp_path / "proofs")
    assert code == 1
    assert f"error: event {event} is not what was sealed as leaf {place}" in err
    assert not (tmp_path / "proofs").exists()
