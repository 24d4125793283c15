"""The proof of one event: accepted as it is, refused with any change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pg_evident.verifier.findings import TAMPERED, UNREADABLE
from pg_evident.verifier.formats.note import load_keys
from pg_evident.verifier.proof import verify_proof
from pg_evident.verifier.report import Report
from support.checkers.judging import texts
from support.models import exports
from support.models.exports import Export, Log

pytestmark = pytest.mark.promise(12)

KEYS = load_keys([Log().vkey])


@pytest.fixture
def proof(sealed: Export, tmp_path: Path) -> Path:
    return exports.write_proof(tmp_path, sealed, 300)


def judge(proof: Path, event: Path | None = None) -> Report:
    return verify_proof(proof, event, KEYS)


@pytest.mark.parametrize("at", [0, 1, 255, 256, 511, 512, 599])
def test_the_proof_of_any_event_is_clean(
    at: int, sealed: Export, tmp_path: Path
) -> None:
    report = judge(exports.write_proof(tmp_path, sealed, at))
    assert report.exit_code == 0
    assert report.event_id == sealed.events[at]["event_id"]


def test_a_tree_of_one_leaf_has_a_proof_without_hashes(tmp_path: Path) -> None:
    export = exports.make_export(exports.make_events(1))
    path = exports.write_proof(tmp_path, export, 0)
    assert path.read_text().split("\n")[2] == ""
    assert judge(path).exit_code == 0


def test_extra_data_is_left_out(proof: Path) -> None:
    text = proof.read_text()
    proof.write_text(text.replace("\nindex", "\nextra AAAA\nindex", 1))
    assert judge(proof).exit_code == 0


def test_an_edited_event_does_not_lead_to_the_root(proof: Path, sealed: Export) -> None:
    event = proof.with_suffix(".json")
    given = json.loads(event.read_text())
    exports.write_lines(event, [{**given, "payload": "{}"}])
    report = judge(proof)
    assert report.exit_code == 1
    (finding,) = report.found.of(TAMPERED)
    assert finding.event_id == sealed.events[300]["event_id"]


def test_every_mutated_proof_is_refused(proof: Path) -> None:
    lines = proof.read_text().split("\n")
    gap = lines.index("")
    for at in range(2, gap):
        other = exports.b64(exports.leaf(lines[at].encode()))
        for bad in (
            [*lines[:at], other, *lines[at + 1 :]],
            lines[:at] + lines[at + 1 :],
            [*lines[:at], lines[at], *lines[at:]],
            [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
        ):
            proof.write_text("\n".join(bad))
            assert judge(proof).exit_code in (1, 2)
    for index in ("299", "301", "600", "0", "300000"):
        proof.write_text("\n".join([lines[0], f"index {index}", *lines[2:]]))
        assert judge(proof).exit_code == 1
    for size in ("599", "601", "0"):
        bad = [*lines[: gap + 2], size, *lines[gap + 3 :]]
        proof.write_text("\n".join(bad))
        assert judge(proof).exit_code == 1


@pytest.mark.parametrize(
    "index",
    ["-1", "+300", "0300", " 300", "3e2", "0x12c", "", "٣٠٠"],
)
def test_an_index_of_another_form_is_unreadable(index: str, proof: Path) -> None:
    text = proof.read_text().replace("index 300", f"index {index}")
    proof.write_text(text, encoding="utf-8")
    assert judge(proof).exit_code == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index", "place"),
        ("=\n", "\n"),
        ("=\n", "= \n"),
        ("\n\n", "\n"),
        ("\u2014 ", "- "),
        ("example.com/shop/", "example.com/shop "),
    ],
)
def test_another_form_is_unreadable(old: str, new: str, proof: Path) -> None:
    text = proof.read_text(encoding="utf-8")
    proof.write_text(text.replace(old, new, 1), encoding="utf-8")
    report = judge(proof)
    assert report.exit_code == 2, report.found.listed
    assert str(proof) in texts(report, UNREADABLE)[0]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_a_truncated_proof_is_unreadable(share: float, proof: Path) -> None:
    data = proof.read_bytes()
    proof.write_bytes(data[: int(len(data) * share)])
    report = judge(proof)
    assert report.exit_code == 2
    assert str(proof) in texts(report, UNREADABLE)[0]


def test_without_its_event_a_proof_proves_nothing(proof: Path) -> None:
    proof.with_suffix(".json").unlink()
    report = judge(proof)
    assert report.exit_code == 2
    assert texts(report, UNREADABLE)[0].endswith(".json: missing")


def test_the_event_may_lie_elsewhere(proof: Path, tmp_path: Path) -> None:
    event = proof.with_suffix(".json").rename(tmp_path / "event.json")
    assert judge(proof, event).exit_code == 0


def test_a_withheld_payload_leaves_nothing_to_prove(proof: Path) -> None:
    event = proof.with_suffix(".json")
    given = json.loads(event.read_text())
    exports.write_lines(event, [{**given, "payload": None}])
    report = judge(proof)
    assert report.exit_code == 2
    assert "payload withheld" in texts(report, UNREADABLE)[0]


def test_no_key_and_an_unknown_key_vouch_for_nothing(proof: Path) -> None:
    assert verify_proof(proof, None, {}).exit_code == 2
    other = load_keys([Log(seed=2).vkey])
    assert verify_proof(proof, None, other).exit_code == 2
