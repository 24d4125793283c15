"""Checkpoints that were kept outside: which of them speak against an export."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import exports
from support.exports import Export, Log
from support.judging import counts, flip, is_clean, judge, texts

from harness.verifier.findings import TAMPERED, UNREADABLE, UNSUPPORTED
from harness.verifier.report import Report


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


def test_checkpoints_of_another_log_are_left_out(folder: Path, outside: Path) -> None:
    other = Log(log_id="0a1b2c3d-0000-4000-8000-00000000eeee")
    exports.write_checkpoint(outside, other, [exports.leaf(b"x")] * 5)
    report = judge(folder, outside)
    assert is_clean(report)
    assert report.notes == ["1 checkpoints are of another log and were left out"]


def test_checkpoints_that_are_all_of_another_log_vouch_for_nothing(
    folder: Path, tmp_path: Path
) -> None:
    # Else a history that begins anew under a new identity would pass for clean.
    other = Log(log_id="0a1b2c3d-0000-4000-8000-00000000eeee")
    exports.write_checkpoint(tmp_path / "kept", other, [exports.leaf(b"x")] * 5)
    assert judge(folder, tmp_path / "kept").exit_code == 2


def restored(
    sealed: Export, tmp_path: Path, *, tells: bool = True
) -> tuple[Path, Path]:
    """An export of incarnation 2, which goes on from 450 leaves of 600."""
    log = sealed.log.begin("restored the backup of 02:00", 450)
    events = [dict(each) for each in sealed.events[:450]]
    if tells:
        payload = '{"incarnation": 2, "name": "x", "reason": "the disk failed"}'
        event = {
            **events[-1],
            "id": events[-1]["id"] + 1,
            "event_id": exports.LOG_ID[:-4] + "0002",
            "aggregate_id": exports.LOG_ID,
            "version": 1,
            "event_type": "IncarnationBegun",
            "recorded_by": "evident_operator",
            "payload": payload,
        }
        events.append(event)
    export = exports.make_export(events, log=log)
    for size in (100, 450, 500, 600):
        exports.write_checkpoint(tmp_path / "kept", sealed.log, sealed.leaves[:size])
    exports.write_checkpoint(tmp_path / "kept", log, export.leaves)
    return exports.write_export(export, tmp_path / "export"), tmp_path / "kept"


def test_a_restore_is_no_tampering_and_says_what_is_lost(
    sealed: Export, tmp_path: Path
) -> None:
    report = judge(*restored(sealed, tmp_path))
    assert is_clean(report)
    ended = "of an ended incarnation"
    assert statuses(report) == ["agrees"] * 3 + [ended] * 2
    assert report.notes[0] == (
        "incarnation 1 ended; 150 leaves of it are not in this history"
        " (the disk failed, says the event at line 451)"
    )
    assert report.notes[1].startswith("incarnation 2 began: the disk failed")


def test_a_reason_is_taken_from_the_log_where_no_event_tells_it(
    sealed: Export, tmp_path: Path
) -> None:
    report = judge(*restored(sealed, tmp_path, tells=False))
    assert "(restored the backup of 02:00, says log.json)" in report.notes[0]


def test_an_ended_incarnation_that_nothing_explains_is_said_to_be_so(
    sealed: Export, tmp_path: Path
) -> None:
    folder, kept = restored(sealed, tmp_path, tells=False)
    (folder / "log.json").unlink()
    report = judge(folder, kept)
    assert "up to 150 leaves" in report.notes[0]
    assert "(nothing says why)" in report.notes[0]


def test_within_the_new_incarnation_history_may_not_change(
    sealed: Export, tmp_path: Path
) -> None:
    folder, kept = restored(sealed, tmp_path)
    log = sealed.log.begin("restored the backup of 02:00", 450)
    exports.write_checkpoint(kept, log, [*sealed.leaves[:449], exports.leaf(b"x")])
    assert judge(folder, kept).exit_code == 1
