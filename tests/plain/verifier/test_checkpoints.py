"""Checkpoints that were kept outside: which of them speak against an export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pg_evident.verifier import judge_kept
from pg_evident.verifier.findings import TAMPERED, UNREADABLE, UNSUPPORTED
from pg_evident.verifier.report import Report
from support.checkers.judging import counts, flip, is_clean, judge, texts
from support.models import exports
from support.models.exports import Export, Log


def statuses(report: Report) -> list[str]:
    return sorted(each.status for each in report.kept)


def test_a_file_is_taken_as_well_as_a_folder(folder: Path, outside: Path) -> None:
    report = judge(folder, outside / "000001-000000000100.checkpoint", outside)
    assert is_clean(report)
    assert statuses(report) == ["agrees"] * 7


def test_without_a_key_nobody_can_tell(folder: Path) -> None:
    report = judge(folder, keys=[])
    assert report.exit_code == 2
    assert texts(report, UNSUPPORTED) == [
        "no key was given: nobody vouches for the checkpoint"
    ]


def test_the_signature_of_another_key_is_not_trusted(folder: Path) -> None:
    report = judge(folder, keys=[Log(seed=2).vkey])
    assert report.exit_code == 2
    assert "by no key that was given" in texts(report, UNSUPPORTED)[0]


def test_a_key_of_the_same_name_is_another_key(folder: Path) -> None:
    assert Log(seed=2).key_name == Log().key_name
    assert is_clean(judge(folder, keys=[Log(seed=2).vkey, Log().vkey]))


def test_without_a_key_tampering_is_still_found(folder: Path) -> None:
    flip(folder / "tile/entries/000", 100)
    assert judge(folder, keys=[]).exit_code == 1


def test_a_signature_that_is_not_over_this_text_is_tampering(
    folder: Path, sealed: Export
) -> None:
    text = (folder / "checkpoint").read_text()
    (folder / "checkpoint").write_text(text.replace("\n600\n", "\n599\n"))
    report = judge(folder)
    assert report.exit_code == 1
    assert any("is not over this text" in each for each in texts(report))


def test_further_signatures_are_left_out(folder: Path, sealed: Export) -> None:
    witness = Log(seed=9, key_name="witness.example").checkpoint(sealed.leaves)
    text = (folder / "checkpoint").read_text()
    (folder / "checkpoint").write_text(text + witness.split("\n\n")[1])
    assert is_clean(judge(folder))


def test_a_signature_that_is_no_ed25519_signature_is_refused(folder: Path) -> None:
    head, _, line = (folder / "checkpoint").read_text().rpartition(" ")
    short = exports.b64(exports.base64.b64decode(line)[:40])
    (folder / "checkpoint").write_text(f"{head} {short}\n")
    assert judge(folder).exit_code == 1


def test_a_kept_checkpoint_of_an_unknown_key_does_not_accuse(
    folder: Path, sealed: Export, tmp_path: Path
) -> None:
    other = Log(seed=2, key_name="old.example")
    exports.write_checkpoint(tmp_path / "kept", other, sealed.leaves[:50][::-1])
    report = judge(folder, tmp_path / "kept")
    assert report.exit_code == 2 and not report.found.counts[TAMPERED]


@pytest.mark.parametrize("data", [b"", b"x", b"\xff" * 40, b"\n\n\n"])
def test_a_kept_checkpoint_that_is_garbage_is_named(
    data: bytes, folder: Path, outside: Path
) -> None:
    (outside / "000001-000000000300.checkpoint").write_bytes(data)
    report = judge(folder, outside)
    assert report.exit_code == 2
    assert "000001-000000000300.checkpoint" in texts(report, UNREADABLE)[0]


def test_a_folder_without_checkpoints_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert judge(folder, tmp_path / "empty").exit_code == 2
    assert judge(folder, tmp_path / "nowhere").exit_code == 2


def test_a_newer_checkpoint_says_that_history_is_shorter(
    folder: Path, sealed: Export, outside: Path
) -> None:
    leaves = [*sealed.leaves, exports.leaf(b"more")]
    exports.write_checkpoint(outside, sealed.log, leaves)
    report = judge(folder, outside)
    assert report.exit_code == 1 and counts(report)["tampered"] == 1


def test_as_of_a_newer_checkpoint_is_no_sign_of_tampering(
    folder: Path, sealed: Export, outside: Path
) -> None:
    leaves = [*sealed.leaves, exports.leaf(b"more")]
    exports.write_checkpoint(outside, sealed.log, leaves)
    report = judge(folder, outside, as_of=True)
    assert is_clean(report)
    assert report.notes == [
        "1 checkpoints are newer than the export and were not compared"
    ]


def test_a_later_incarnation_is_like_a_larger_tree(
    folder: Path, sealed: Export, outside: Path
) -> None:
    exports.write_checkpoint(outside, sealed.log.begin("x", 9), sealed.leaves[:50])
    assert judge(folder, outside).exit_code == 1
    assert is_clean(judge(folder, outside, as_of=True))


OTHER_ID = "0a1b2c3d-0000-4000-8000-00000000eeee"
BANK = Log("example.com/bank", log_id=OTHER_ID, seed=7, key_name="example.com/bank")


def test_checkpoints_of_another_log_are_left_out(folder: Path, outside: Path) -> None:
    exports.write_checkpoint(outside, BANK, [exports.leaf(b"x")] * 5)
    report = judge(folder, outside, keys=[Log().vkey, BANK.vkey])
    assert is_clean(report)
    assert report.notes == ["1 checkpoints are of another log and were left out"]


# The same key, its bytes under another name, and another key of its name.
SIGNERS = [
    replace(BANK, seed=1, key_name="example.com/shop"),
    replace(BANK, seed=1),
    replace(BANK, key_name="example.com/shop"),
]


@pytest.mark.promise(22)
@pytest.mark.parametrize("other", SIGNERS, ids=["key", "bytes", "name"])
def test_another_log_of_the_same_signer_leaves_it_open_which_is_the_log(
    other: Log, folder: Path, outside: Path
) -> None:
    """An owner who begins anew can take a new identity and a new name as well."""
    exports.write_checkpoint(outside, other, [exports.leaf(b"x")] * 5)
    report = judge(folder, outside, keys=[Log().vkey, other.vkey])
    assert report.verdict == "cannot tell"
    assert "another log example.com/bank, signed by" in texts(report, UNSUPPORTED)[0]


@pytest.mark.promise(22)
def test_the_signer_of_a_kept_checkpoint_is_the_same_as_that_of_the_export(
    folder: Path, outside: Path, sealed: Export
) -> None:
    """The key was changed on the way; the one before signed another log as well."""
    old = Log(seed=7, key_name="example.com/bank")
    exports.write_checkpoint(outside, old, sealed.leaves[:300])
    exports.write_checkpoint(outside, BANK, [exports.leaf(b"x")] * 5)
    report = judge(folder, outside, keys=[Log().vkey, BANK.vkey])
    assert report.verdict == "cannot tell"


@pytest.mark.twin_of(22)
def test_a_verifier_that_leaves_out_another_log_of_its_signer_is_caught(
    folder: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_kept, "_names", lambda _: set())
    with pytest.raises(AssertionError):
        test_another_log_of_the_same_signer_leaves_it_open_which_is_the_log(
            SIGNERS[0], folder, outside
        )


def test_another_log_of_the_same_name_leaves_it_open_which_is_the_log(
    folder: Path, outside: Path
) -> None:
    # An owner who begins anew under a new identity keeps the name and the key.
    other = Log(log_id=OTHER_ID)
    exports.write_checkpoint(outside, other, [exports.leaf(b"x")] * 5)
    report = judge(folder, outside)
    assert report.exit_code == 2
    assert "another log of the same name" in texts(report, UNSUPPORTED)[0]


def test_one_incarnation_has_one_name(folder: Path, outside: Path) -> None:
    other = Log("example.com/renamed")
    exports.write_checkpoint(outside, other, [])
    report = judge(folder, outside)
    assert report.exit_code == 1
    assert "is called example.com/renamed there" in texts(report)[0]


def test_checkpoints_that_are_all_of_another_log_vouch_for_nothing(
    folder: Path, tmp_path: Path
) -> None:
    # Else a history that begins anew under a new identity would pass for clean.
    other = Log(log_id=OTHER_ID)
    exports.write_checkpoint(tmp_path / "kept", other, [exports.leaf(b"x")] * 5)
    assert judge(folder, tmp_path / "kept").exit_code == 2
