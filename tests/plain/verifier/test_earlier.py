"""Two exports of one log, made at different times, compared leaf by leaf."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from pg_evident.verifier.findings import REPLACED, TAMPERED, UNREADABLE
from support.checkers.judging import counts, flip, is_clean, judge, names_event, texts
from support.models import exports
from support.models.exports import Event, Export


@pytest.fixture
def earlier(sealed: Export, tmp_path: Path) -> Path:
    export = exports.make_export(sealed.events[:400], log=sealed.log)
    return exports.write_export(export, tmp_path / "earlier")


def rewritten(
    sealed: Export, tmp_path: Path, change: Callable[[list[Event]], object]
) -> Path:
    """A changed history, sealed and signed anew: only older copies can tell."""
    events = [dict(each) for each in sealed.events[:600]]
    change(events)
    export = exports.make_export(events, log=sealed.log)
    return exports.write_export(export, tmp_path / "rewritten")


def test_a_history_that_only_grew_agrees(folder: Path, earlier: Path) -> None:
    report = judge(folder, earlier=earlier)
    assert is_clean(report)
    assert [each.status for each in report.kept] == ["agrees"]


def test_an_export_agrees_with_itself(folder: Path) -> None:
    assert is_clean(judge(folder, earlier=folder))


@pytest.mark.parametrize("at", [0, 255, 256, 399])
def test_a_changed_event_is_named_with_its_fields(
    at: int, sealed: Export, tmp_path: Path, earlier: Path
) -> None:
    folder = rewritten(sealed, tmp_path, lambda x: x[at].update(payload="{}"))
    report = judge(folder, earlier=earlier)
    assert report.exit_code == 1
    finding = report.found.of(TAMPERED)[-1]
    assert finding.event_id == sealed.events[at]["event_id"]
    assert (finding.leaf, finding.fields) == (at, ("payload",))


@pytest.mark.parametrize("at", [0, 100, 255, 256, 300])
def test_a_deleted_event_is_named_and_nothing_behind_it(
    at: int, sealed: Export, tmp_path: Path, earlier: Path
) -> None:
    folder = rewritten(sealed, tmp_path, lambda x: x.pop(at))
    report = judge(folder, earlier=earlier)
    gone = [x for x in report.found.of(TAMPERED) if "earlier export" in x.text]
    assert [each.event_id for each in gone] == [sealed.events[at]["event_id"]]


def test_an_inserted_event_shifts_nothing(
    sealed: Export, tmp_path: Path, earlier: Path
) -> None:
    def insert(events: list[Event]) -> None:
        false = {**events[100], "event_id": str(uuid.UUID(int=9))}
        false["id"] = events[100]["id"]
        events.insert(100, {**false, "aggregate_id": str(uuid.UUID(int=5))})

    report = judge(rewritten(sealed, tmp_path, insert), earlier=earlier)
    assert report.exit_code == 1
    assert not [x for x in texts(report) if "earlier export" in x]


def test_a_larger_earlier_export_says_that_history_is_shorter(
    folder: Path, earlier: Path
) -> None:
    report = judge(earlier, earlier=folder)
    assert report.exit_code == 1
    assert "history is shorter than it was" in texts(report)[0]
    assert is_clean(judge(earlier, earlier=folder, as_of=True))


def test_an_older_export_as_of_its_time_may_not_differ_from_a_younger_one(
    sealed: Export, tmp_path: Path, folder: Path
) -> None:
    events = [dict(each) for each in sealed.events[:400]]
    events[30]["payload"] = "{}"
    export = exports.make_export(events, log=sealed.log)
    old = exports.write_export(export, tmp_path / "old")
    report = judge(old, earlier=folder, as_of=True)
    assert names_event(report, sealed.events[30], 30).fields == ("payload",)


def test_an_edited_event_is_reported_once(
    folder: Path, sealed: Export, earlier: Path
) -> None:
    lines = exports.read_lines(folder / "events.ndjson")
    lines[30]["payload"] = "{}"
    exports.write_lines(folder / "events.ndjson", lines)
    names_event(judge(folder, earlier=earlier), sealed.events[30], 30)


def test_a_spoilt_earlier_export_accuses_nobody(folder: Path, earlier: Path) -> None:
    flip(earlier / "tile/0/000", 700)
    report = judge(folder, earlier=earlier)
    assert report.exit_code == 2 and not report.found.counts[TAMPERED]
    assert "does not vouch for them" in texts(report, UNREADABLE)[0]


def test_an_earlier_export_with_a_missing_tile_accuses_nobody(
    folder: Path, earlier: Path
) -> None:
    (earlier / "tile/0/000").unlink()
    report = judge(folder, earlier=earlier)
    assert report.exit_code == 2
    assert "tile/0/000: missing" in texts(report, UNREADABLE)[0]


def test_an_earlier_export_of_nothing_is_named(folder: Path, tmp_path: Path) -> None:
    report = judge(folder, earlier=tmp_path / "nowhere")
    assert report.exit_code == 2
    assert "nowhere" in texts(report, UNREADABLE)[0]


def failed_over(sealed: Export, tmp_path: Path) -> tuple[Path, Event]:
    """An export of incarnation 2: 350 leaves as they were, then another event."""
    log = sealed.log.begin("failover", 350)
    event = {**sealed.events[420], "version": 1, "aggregate_id": str(uuid.UUID(int=5))}
    export = exports.make_export([*sealed.events[:350], event], log=log)
    return exports.write_export(export, tmp_path / "export"), event


def test_leaves_that_an_earlier_incarnation_lost_are_named(
    sealed: Export, tmp_path: Path, earlier: Path
) -> None:
    folder, _ = failed_over(sealed, tmp_path)
    report = judge(folder, earlier=earlier)
    assert report.verdict == "replaced" and report.exit_code == 1
    lost = [each for each in report.found.of(REPLACED) if each.leaf is not None]
    assert [each.leaf for each in lost] == list(range(350, 400))
    ids = [each["event_id"] for each in sealed.events[351:400]]
    assert [each.event_id for each in lost[1:]] == ids


def test_an_accepted_loss_is_told_leaf_by_leaf_and_is_no_finding(
    sealed: Export, tmp_path: Path, earlier: Path
) -> None:
    kept = exports.write_checkpoint(tmp_path / "kept", sealed.log, sealed.leaves[:350])
    folder, _ = failed_over(sealed, tmp_path)
    report = judge(folder, kept, earlier=earlier, accepted=(2,))
    assert is_clean(report)
    assert "50 published leaves are gone" in report.notes[0]
    told = [each for each in report.notes if each.startswith("leaf ")]
    assert len(told) == 20 and told[1].startswith("leaf 351 event ")
    assert "30 more leaves differ from the earlier export" in report.notes


def test_an_earlier_export_of_another_log_is_not_passed_over(
    folder: Path, outside: Path, tmp_path: Path
) -> None:
    other = exports.Log("other", log_id="0a1b2c3d-0000-4000-8000-00000000eeee")
    export = exports.make_export(exports.make_events(10), log=other)
    written = exports.write_export(export, tmp_path / "other")
    report = judge(folder, outside, earlier=written)
    assert report.exit_code == 2


def test_without_entries_the_leaf_is_named(
    sealed: Export, tmp_path: Path, earlier: Path
) -> None:
    shutil.rmtree(earlier / "tile/entries")
    folder = rewritten(sealed, tmp_path, lambda x: x[30].update(payload="{}"))
    report = judge(folder, earlier=earlier)
    assert report.exit_code == 1
    assert [x.leaf for x in report.found.of(TAMPERED) if x.leaf] == [30]
    assert counts(report)["tampered"] == 2
