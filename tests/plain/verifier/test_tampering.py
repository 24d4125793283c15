"""Whatever differs from what was sealed is found, and the event is named."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pg_evident.verifier import reading
from pg_evident.verifier.findings import TAMPERED
from pg_evident.verifier.formats.events import Row, read_rows
from support.checkers.judging import (
    edit_lines,
    flip,
    judge,
    names_event,
    rewrite_entries,
    texts,
)
from support.models import exports
from support.models.exports import Event, Export

pytestmark = pytest.mark.promise(11)

OTHER = {
    "id": lambda event: event["id"] + 1_000_000,
    "event_id": lambda event: str(uuid.UUID(int=7)),
    "aggregate_id": lambda event: str(uuid.UUID(int=8)),
    "version": lambda event: event["version"] + 1,
    "occurred_at": lambda event: "2026-03-01T08:00:00.000001Z",
    "event_type": lambda event: "OrderCancelled",
    "recorded_by": lambda event: "somebody",
    "payload": lambda event: event["payload"] + " ",
    "metadata": lambda event: "{}",
}
LEAVES = [0, 255, 256, 300, 599]


def finds_an_edited_value(folder: Path, sealed: Export, field: str, at: int) -> None:
    """Edit one value of one event, and require that event and field are named."""
    edit_lines(folder, lambda x: x[at].update({field: OTHER[field](x[at])}))
    finding = names_event(judge(folder), sealed.events[at], at)
    assert finding.fields == (field,)
    assert finding.text == f"events.ndjson was changed: {field}"


@pytest.mark.parametrize("at", LEAVES)
@pytest.mark.parametrize("field", OTHER)
def test_an_edited_field_is_named_with_its_event(
    field: str, at: int, folder: Path, sealed: Export
) -> None:
    finds_an_edited_value(folder, sealed, field, at)


@pytest.mark.twin_of(11)
def test_a_verifier_that_skips_values_is_caught(
    folder: Path, sealed: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_values(*given: Any) -> Iterator[Row]:
        for row in read_rows(*given):
            yield row._replace(erased=("payload", "metadata"))

    monkeypatch.setattr(reading, "read_rows", without_values)
    with pytest.raises(AssertionError):
        finds_an_edited_value(folder, sealed, "payload", 300)


@pytest.mark.parametrize("at", LEAVES)
@pytest.mark.parametrize("field", [*OTHER, "private"])
def test_an_edited_stored_entry_is_named_with_its_event(
    field: str, at: int, folder: Path, sealed: Export
) -> None:
    event, entries = sealed.events[at], list(sealed.entries)
    if field == "private":
        entries[at] = exports.entry(event, private=b"\x01" * 32)
    else:
        entries[at] = exports.entry({**event, field: OTHER[field](event)})
    rewrite_entries(folder, sealed, entries)
    finding = names_event(judge(folder), event, at)
    assert finding.fields == (field,)
    assert "tile/entries/" in finding.text and "was changed" in finding.text


@pytest.mark.parametrize("at", LEAVES)
def test_an_edited_leaf_hash_is_named_with_its_event(
    at: int, folder: Path, sealed: Export
) -> None:
    leaves = sealed.leaves
    leaves[at] = exports.leaf(b"another")
    part = leaves[at // 256 * 256 :][:256]
    exports.write(folder, _tile(at), b"".join(part))
    finding = names_event(judge(folder), sealed.events[at], at)
    assert "has another hash than event and entry" in finding.text


def test_an_edited_node_above_names_its_tile_and_leaves(folder: Path) -> None:
    flip(folder / "tile/1/000.p/2", 32)
    report = judge(folder)
    assert report.exit_code == 1
    assert texts(report) == ["tile/1/000.p/2: hash 1 is not that of leaves 256 to 511"]


@pytest.mark.parametrize("at", LEAVES)
def test_an_event_edited_everywhere_but_in_its_leaf_hash_is_named(
    at: int, folder: Path, sealed: Export
) -> None:
    event = {**sealed.events[at], "payload": "{}"}
    entries = list(sealed.entries)
    entries[at] = exports.entry(event)
    rewrite_entries(folder, sealed, entries)
    edit_lines(folder, lambda lines: lines[at].update(payload="{}"))
    names_event(judge(folder), sealed.events[at], at)


@pytest.mark.parametrize("at", [0, 1, 254, 255, 256, 300, 598])
def test_a_deleted_line_is_named_and_nothing_behind_it(
    at: int, folder: Path, sealed: Export
) -> None:
    edit_lines(folder, lambda lines: lines.pop(at))
    finding = names_event(judge(folder), sealed.events[at], at)
    assert finding.text == "events.ndjson lacks this event"


@pytest.mark.parametrize("at", [0, 1, 255, 256, 300, 599])
def test_an_inserted_line_is_named_and_nothing_behind_it(
    at: int, folder: Path, sealed: Export
) -> None:
    false = {**sealed.events[at], "event_id": str(uuid.UUID(int=9))}
    edit_lines(folder, lambda lines: lines.insert(at, false))
    finding = names_event(judge(folder), false)
    assert finding.text.startswith("events.ndjson has an event that is in no leaf")
    assert finding.text.endswith(f"line {at + 1}")


def test_a_line_that_is_there_twice_is_named(folder: Path, sealed: Export) -> None:
    edit_lines(folder, lambda lines: lines.insert(301, lines[300]))
    names_event(judge(folder), sealed.events[300])


@pytest.mark.parametrize(("one", "other"), [(10, 11), (10, 14), (255, 256), (3, 590)])
def test_swapped_lines_are_named_and_nothing_between(
    one: int, other: int, folder: Path, sealed: Export
) -> None:
    def swap(lines: list[Event]) -> None:
        lines[one], lines[other] = lines[other], lines[one]

    edit_lines(folder, swap)
    report = judge(folder)
    assert report.exit_code == 1
    named = {each.event_id for each in report.found.of(TAMPERED)}
    both = {sealed.events[at]["event_id"] for at in (one, other)}
    assert named and named <= both
    assert len(report.found.of(TAMPERED)) <= 4


@pytest.mark.parametrize("at", [0, 255, 256, 300, 598])
def test_a_deleted_entry_is_named_and_nothing_behind_it(
    at: int, folder: Path, sealed: Export
) -> None:
    entries = sealed.entries[:at] + sealed.entries[at + 1 :]
    rewrite_entries(folder, sealed, entries)
    # The last bundle has another width now; the name of its file stays the same.
    (folder / "tile/entries/002.p/87").rename(folder / "tile/entries/002.p/88")
    names_event(judge(folder), sealed.events[at], at)


def test_an_entry_too_many_in_one_bundle_is_named(folder: Path, sealed: Export) -> None:
    false = {**sealed.events[40], "event_id": str(uuid.UUID(int=9))}
    part = [*sealed.entries[:40], exports.entry(false), *sealed.entries[40:256]]
    data = b"".join(len(each).to_bytes(2, "big") + each for each in part)
    exports.write(folder, "tile/entries/000", data)
    names_event(judge(folder), false)


def test_an_old_event_behind_the_tree_does_not_pass_as_unsealed(
    folder: Path, sealed: Export
) -> None:
    false = {**sealed.events[40], "event_id": str(uuid.UUID(int=9))}
    edit_lines(folder, lambda lines: lines.insert(600, false))
    names_event(judge(folder), false)


def _rewritten(sealed: Export, change: Callable[[list[Event]], object]) -> Export:
    """A history that was changed and sealed anew, with all tiles and tree heads."""
    events = [dict(each) for each in sealed.events[:600]]
    change(events)
    return exports.make_export(events, log=sealed.log)


def _with_old_checkpoint(export: Export, sealed: Export, folder: Path) -> Path:
    """Without the key, the owner can only leave the old checkpoint there."""
    exports.write_export(export, folder)
    checkpoint = sealed.log.checkpoint(sealed.leaves)
    exports.write(folder, "checkpoint", checkpoint.encode())
    return folder


def test_a_rebuilt_tree_does_not_lead_to_the_signed_root(
    tmp_path: Path, sealed: Export
) -> None:
    export = _rewritten(sealed, lambda x: x[300].update(payload="{}"))
    report = judge(_with_old_checkpoint(export, sealed, tmp_path))
    assert report.exit_code == 1
    assert any("do not lead to its root at size 600" in x for x in texts(report))


def test_kept_checkpoints_bracket_the_first_changed_leaf(
    tmp_path: Path, sealed: Export, outside: Path
) -> None:
    export = _rewritten(sealed, lambda x: x[300].update(payload="{}"))
    report = judge(_with_old_checkpoint(export, sealed, tmp_path / "export"), outside)
    assert report.exit_code == 1
    (text,) = texts(report)
    assert "the first changed leaf is one of 256 to 399" in text
    assert "3 other checkpoints" in text


def test_tree_heads_that_were_left_bracket_the_first_changed_leaf(
    tmp_path: Path, sealed: Export
) -> None:
    export = _rewritten(sealed, lambda x: x[321].update(payload="{}"))
    export.heads = sealed.heads
    report = judge(exports.write_export(export, tmp_path))
    (text,) = texts(report)
    assert "the first changed leaf is one of 300 to 349" in text


def test_an_event_deleted_from_a_rebuilt_history_leaves_a_gap(
    tmp_path: Path, sealed: Export
) -> None:
    last: dict[str, int] = {}
    at = next(
        number
        for number, each in enumerate(sealed.events[100:600], 100)
        if any(
            later["aggregate_id"] == each["aggregate_id"]
            for later in sealed.events[number + 1 : 600]
        )
    )
    gone = sealed.events[at]
    export = _rewritten(sealed, lambda x: x.pop(at))
    report = judge(exports.write_export(export, tmp_path))
    assert report.exit_code == 1, last
    (gap,) = report.gaps
    assert (gap.aggregate_id, gap.expected) == (gone["aggregate_id"], gone["version"])
    assert texts(report) == [f"the aggregate lacks version {gone['version']}"]


def test_a_cut_off_tail_is_shorter_than_a_kept_checkpoint(
    tmp_path: Path, sealed: Export, outside: Path
) -> None:
    export = exports.make_export(sealed.events[:500], log=sealed.log)
    report = judge(exports.write_export(export, tmp_path / "export"), outside)
    assert report.exit_code == 1
    (text,) = texts(report)
    assert "history is shorter than it was, as 2 checkpoints say" in text


def test_a_rewrite_from_zero_differs_from_every_kept_checkpoint(
    tmp_path: Path, sealed: Export, outside: Path
) -> None:
    export = exports.make_export(exports.make_events(700, seed=5), log=sealed.log)
    report = judge(exports.write_export(export, tmp_path / "export"), outside)
    assert report.exit_code == 1
    (text,) = texts(report)
    assert "the first changed leaf is one of 0 to 0" in text
    assert "two histories were signed" in text


def test_ids_that_do_not_ascend_are_found(tmp_path: Path, sealed: Export) -> None:
    def swap(events: list[Event]) -> None:
        events[9]["id"], events[8]["id"] = events[8]["id"], events[9]["id"]

    report = judge(exports.write_export(_rewritten(sealed, swap), tmp_path))
    assert report.exit_code == 1
    assert [each.leaf for each in report.found.of(TAMPERED)] == [9]


def test_a_repeated_version_is_found(tmp_path: Path, sealed: Export) -> None:
    events = [dict(each) for each in sealed.events[:600]]
    first = events[0]
    events[300].update(aggregate_id=first["aggregate_id"], version=1)
    report = judge(exports.write_export(exports.make_export(events), tmp_path))
    assert report.exit_code == 1
    assert "version 1 of the aggregate comes after version" in texts(report)[0]


def test_a_wrong_root_of_a_tree_head_is_found(folder: Path, sealed: Export) -> None:
    heads = [dict(each) for each in sealed.heads]
    heads[4]["root_hash"] = exports.b64(bytes(32))
    exports.write_lines(folder / "tree-heads.ndjson", heads)
    report = judge(folder)
    assert report.exit_code == 1
    assert "root at 250" in texts(report)[0]


def test_dates_outside_their_seals_are_shown_and_change_no_verdict(
    tmp_path: Path, sealed: Export
) -> None:
    def change(events: list[Event]) -> None:
        events[120]["occurred_at"] = "2026-03-01T23:00:00.000000Z"
        events[130]["occurred_at"] = "2026-02-01T23:00:00.000000Z"
        events[140]["occurred_at"] = "2026-03-01T07:30:00.000000Z"

    report = judge(exports.write_export(_rewritten(sealed, change), tmp_path))
    assert report.exit_code == 0
    assert [each.leaf for each in report.odd_dates] == [120, 130]


def test_many_findings_are_all_counted_and_some_kept(
    folder: Path, sealed: Export
) -> None:
    edit_lines(folder, lambda lines: [x.update(metadata="7") for x in lines[:600]])
    report = judge(folder)
    assert report.found.counts[TAMPERED] == 600
    assert [each.leaf for each in report.found.of(TAMPERED)] == list(range(600))


def _tile(at: int) -> str:
    return f"tile/0/{at // 256:03d}" + (".p/88" if at >= 512 else "")


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ([0], "tree head 1 is missing"),
        ([4], "tree head 5 is missing"),
        ([2, 3], "tree heads 3 to 4 are missing"),
    ],
)
def test_a_tree_head_that_was_deleted_is_told_by_its_number(
    gone: list[int], said: str, folder: Path
) -> None:
    heads = exports.read_lines(folder / "tree-heads.ndjson")
    left = [each for place, each in enumerate(heads) if place not in gone]
    exports.write_lines(folder / "tree-heads.ndjson", left)
    report = judge(folder)
    assert report.exit_code == 1
    assert texts(report) == [f"tree-heads.ndjson: {said}"]


@pytest.mark.parametrize("places", [[0], [5], [11], [2, 7]])
def test_a_tree_head_that_ends_with_another_event_is_found(
    places: list[int], folder: Path, sealed: Export
) -> None:
    heads = [dict(each) for each in sealed.heads]
    for place in places:
        heads[place]["last_event_id"] += 1
    exports.write_lines(folder / "tree-heads.ndjson", heads)
    report = judge(folder)
    assert report.exit_code == 1
    (said,) = texts(report)
    first = heads[places[0]]
    assert said.startswith(
        f"tree-heads.ndjson: head {first['number']} ends with the event of id"
        f" {first['last_event_id']}, and leaf {first['tree_size'] - 1} has id"
        f" {first['last_event_id'] - 1}"
    )
    assert ("; 1 more heads end otherwise" in said) is (len(places) == 2)


def test_heartbeats_end_with_the_same_event(tmp_path: Path) -> None:
    export = exports.make_export(exports.make_events(300), step=256)
    export.heads = [
        {**each, "number": 2 * place + twice + 1}
        for place, each in enumerate(export.heads)
        for twice in (0, 1)
    ]
    folder = exports.write_export(export, tmp_path)
    assert judge(folder).exit_code == 0
    export.heads[1]["last_event_id"] = 0
    exports.write_lines(folder / "tree-heads.ndjson", export.heads)
    assert "head 2 ends with the event of id 0" in texts(judge(folder))[0]


def test_what_is_not_known_of_a_leaf_accuses_no_tree_head(folder: Path) -> None:
    for name in ("tile/entries/000", "tile/0/000"):
        (folder / name).unlink()
    edit_lines(folder, lambda lines: lines[99].update(id="?"))
    report = judge(folder)
    assert report.exit_code == 2 and not report.found.counts[TAMPERED]
