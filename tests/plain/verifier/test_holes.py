"""Kept checkpoints speak over all leaves that are there, whatever else is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pg_evident.verifier import check, walk
from pg_evident.verifier.findings import REPLACED, TAMPERED, UNREADABLE
from pg_evident.verifier.growth import Trees
from pg_evident.verifier.page.html import render_html
from support.checkers.judging import counts, edit_lines, judge, texts
from support.models import exports
from support.models.exports import Export, Log

pytestmark = pytest.mark.promise(22)


def rewritten(sealed: Export, at: int) -> Export:
    """History as an owner has it who changed one event and rebuilt everything."""
    events = [dict(each) for each in sealed.events]
    events[at]["payload"] = '{"stolen": true}'
    return exports.make_export(events, size=600)


def without_a_leaf(folder: Path) -> None:
    """Let no file have leaf 450, of a bundle of which there is more."""
    for name in ("tile/entries/001", "tile/0/001"):
        (folder / name).unlink()
    edit_lines(folder, lambda lines: lines[450].update(id="?"))


def without_the_rest(folder: Path) -> None:
    """Cut the bundle off within, and take all behind it."""
    data = (folder / "tile/entries/001").read_bytes()
    (folder / "tile/entries/001").write_bytes(data[: len(data) * 3 // 4])
    (folder / "tile/0/001").unlink()
    edit_lines(folder, lambda lines: lines.__delitem__(slice(450, None)))


def without_a_checkpoint(folder: Path) -> None:
    (folder / "checkpoint").unlink()


def with_garbage_for_it(folder: Path) -> None:
    (folder / "checkpoint").write_bytes(b"\n\n")


def without_a_log(folder: Path) -> None:
    for name in ("checkpoint", "log.json"):
        (folder / name).unlink()


def with_a_smaller_log(folder: Path) -> None:
    """Who takes the checkpoint away may say any size."""
    without_a_checkpoint(folder)
    log = json.loads((folder / "log.json").read_text())
    (folder / "log.json").write_text(json.dumps({**log, "tree_size": 1}))


def with_another_log(folder: Path) -> None:
    without_a_checkpoint(folder)
    text = (folder / "log.json").read_text()
    (folder / "log.json").write_text(text.replace(exports.LOG_ID, "0" * 32))


HOLES = [without_a_leaf, without_the_rest]
NO_OWN = [
    without_a_checkpoint,
    with_garbage_for_it,
    without_a_log,
    with_a_smaller_log,
    with_another_log,
]


@pytest.mark.parametrize("spoil", HOLES + NO_OWN, ids=lambda each: each.__name__)
def test_a_rewrite_before_what_is_gone_is_found(
    spoil: Callable[[Path], None], sealed: Export, outside: Path, tmp_path: Path
) -> None:
    folder = exports.write_export(rewritten(sealed, 390), tmp_path / "export")
    spoil(folder)
    report = judge(folder, outside)
    assert report.verdict == "tampered", report.found.listed
    assert "its root at size 400" in texts(report)[0]
    assert counts(report)[UNREADABLE]
    assert "its root at size 400" in render_html(report)


@pytest.mark.parametrize("spoil", HOLES + NO_OWN, ids=lambda each: each.__name__)
def test_what_is_gone_is_no_tampering(
    spoil: Callable[[Path], None], folder: Path, outside: Path
) -> None:
    spoil(folder)
    report = judge(folder, outside)
    assert report.verdict == "cannot tell"
    agreeing = [x.checkpoint.size for x in report.kept if x.status == "agrees"]
    assert sorted(agreeing)[:5] == [0, 1, 100, 256, 400]
    render_html(report)


@pytest.mark.twin_of(22)
def test_a_verifier_that_stops_at_the_bundle_with_a_hole_is_caught(
    sealed: Export, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_until_hole", lambda _: [])
    with pytest.raises(AssertionError):
        test_a_rewrite_before_what_is_gone_is_found(
            without_a_leaf, sealed, outside, tmp_path
        )


@pytest.mark.twin_of(22)
def test_a_verifier_that_needs_the_own_checkpoint_is_caught(
    sealed: Export, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "stand_in", lambda *_: None)
    with pytest.raises(AssertionError):
        test_a_rewrite_before_what_is_gone_is_found(
            without_a_checkpoint, sealed, outside, tmp_path
        )


def begun(sealed: Export, size: int, at: int | None, folder: Path) -> Path:
    """Export so many events in a second incarnation, without its checkpoint."""
    events = [dict(each) for each in sealed.events[:size]]
    if at is not None:
        events[at]["payload"] = "{}"
    log = sealed.log.begin("a restore", size)
    exports.write_export(exports.make_export(events, log=log), folder)
    without_a_checkpoint(folder)
    return folder


def test_a_later_incarnation_that_only_log_json_tells_of_may_be_accepted(
    sealed: Export, outside: Path, tmp_path: Path
) -> None:
    """What is known of a restore makes no tampering of it."""
    lost = begun(sealed, 450, None, tmp_path / "lost")
    report = judge(lost, outside)
    assert report.verdict == "cannot tell"
    changed = begun(sealed, 600, 450, tmp_path / "changed")
    assert texts(judge(changed, outside), REPLACED)
    report = judge(changed, outside, accepted=(2,))
    assert report.verdict == "cannot tell"
    old = begun(sealed, 600, 0, tmp_path / "old")
    assert texts(judge(old, outside, accepted=(2,)), REPLACED)


def test_a_name_that_nobody_signed_accuses_nobody(folder: Path, outside: Path) -> None:
    without_a_checkpoint(folder)
    text = (folder / "log.json").read_text()
    (folder / "log.json").write_text(text.replace("example.com/shop", "example.com/s"))
    report = judge(folder, outside)
    assert report.verdict == "cannot tell" and not report.found.counts[TAMPERED]


def test_newer_checkpoints_say_nothing_of_a_size_that_nobody_signed(
    folder: Path, outside: Path, sealed: Export
) -> None:
    without_a_checkpoint(folder)
    exports.write_checkpoint(outside, sealed.log, [*sealed.leaves, exports.leaf(b"x")])
    assert judge(folder, outside).verdict == "cannot tell"


def test_an_earlier_export_stands_in_for_kept_checkpoints(
    folder: Path, sealed: Export, tmp_path: Path
) -> None:
    early = exports.make_export(sealed.events[:300])
    earlier = exports.write_export(early, tmp_path / "earlier")
    changed = exports.write_export(rewritten(sealed, 9), tmp_path / "changed")
    without_a_checkpoint(changed)
    assert judge(changed, earlier=earlier).verdict == "tampered"
    without_a_checkpoint(folder)
    assert judge(folder, earlier=earlier).verdict == "cannot tell"


def test_checkpoints_of_keys_that_were_not_given_stand_in_for_nothing(
    folder: Path, outside: Path
) -> None:
    without_a_checkpoint(folder)
    report = judge(folder, outside, keys=[Log(seed=2).vkey])
    assert report.verdict == "cannot tell" and report.checked == 0


@pytest.mark.parametrize("size", [1, 256, 300])
def test_trees_grow_to_any_end(size: int) -> None:
    leaves = [exports.leaf(b"%d" % each) for each in range(size)]
    trees = Trees(1, lambda *_: None)
    for start in range(0, size, 256):
        end = min(start + 256, size)
        roots = trees.grow([leaves[start:end]], [end])
    assert roots[size] == {exports.mth(leaves)}
