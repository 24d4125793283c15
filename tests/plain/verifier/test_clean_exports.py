"""No false alarm: what is sound is called clean, whatever it looks like."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pg_evident.verifier.findings import ERASED
from support.checkers.judging import counts, edit_lines, is_clean, judge, texts
from support.models import exports
from support.models.exports import Event, Export, Log

EDGES = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 600]


@pytest.mark.parametrize("size", EDGES)
def test_an_export_of_any_size_is_clean(size: int, tmp_path: Path) -> None:
    export = exports.make_export(exports.make_events(size), step=7)
    report = judge(exports.write_export(export, tmp_path))
    assert is_clean(report) and counts(report) == {}
    assert report.checked == size and report.heads == len(export.heads)
    assert report.root == exports.mth(export.leaves)


def test_an_export_beyond_two_levels_of_tiles_is_clean(tmp_path: Path) -> None:
    export = exports.make_export(exports.make_events(65_793), step=65_000)
    folder = exports.write_export(export, tmp_path)
    assert (folder / "tile/2/000.p/1").exists()
    assert (folder / "tile/0/257.p/1").exists()
    assert is_clean(judge(folder))


def test_kept_checkpoints_of_every_size_agree(tmp_path: Path) -> None:
    export = exports.make_export(exports.make_events(300))
    folder = exports.write_export(export, tmp_path / "export")
    for size in range(301):
        exports.write_checkpoint(tmp_path / "kept", export.log, export.leaves[:size])
    report = judge(folder, tmp_path / "kept")
    assert is_clean(report)
    assert [each.status for each in report.kept] == ["agrees"] * 301


def test_events_behind_the_tree_are_unsealed_and_counted(folder: Path) -> None:
    report = judge(folder)
    assert is_clean(report) and counts(report) == {"unsealed": 30}
    assert report.unsealed == 30


def test_withheld_texts_are_erased_and_counted(folder: Path) -> None:
    def withhold(lines: list[Event]) -> None:
        lines[5]["payload"] = None
        lines[300]["metadata"] = None
        lines[599].update(payload=None, metadata=None)

    edit_lines(folder, withhold)
    report = judge(folder)
    assert is_clean(report) and counts(report) == {"erased": 3, "unsealed": 30}
    fields = [(each.leaf, each.fields) for each in report.found.of(ERASED)]
    assert fields == [
        (5, ("payload",)),
        (300, ("metadata",)),
        (599, ("payload", "metadata")),
    ]


def test_a_commitment_to_private_data_that_is_not_there_is_erased(
    tmp_path: Path,
) -> None:
    export = exports.make_export(exports.make_events(20))
    export.entries[7] = exports.entry(export.events[7], private=b"\x07" * 32)
    export.heads = exports.make_heads(export, 5)
    report = judge(exports.write_export(export, tmp_path))
    assert is_clean(report) and counts(report) == {"erased": 1}
    assert texts(report, ERASED) == ["private withheld; the leaf is there"]


UGLY = [
    '{"a": 1e400}',
    '{"a": 1.10, "b": 1.1000000000000000000000000000000000001}',
    '{"": 1, " ": {"": {"": []}}}',
    '{"a": "\\ud800"}',
    '{"a": "\\ud800\\udfff\\u0001"}',
    '{"a": "\u2028\u2029\u0085\ufeff\u202e"}',
    '{"a": "Zoë 雪 \U0001f300 \u0301"}',
    '{"a": "line\\nline\\r\\n"}',
    "[" * 5000 + "]" * 5000,
    "1" + "0" * 131_000,
    '"just text"',
    "null",
    "",
    "not even JSON \\ \" '",
    '{"a": "' + "x" * 300_000 + '"}',
    '{"payload": "\\"payload\\": null", "event_id": 7}',
]


def ugly_events() -> list[Event]:
    events = exports.make_events(len(UGLY) + 5)
    for event, text in zip(events, UGLY, strict=False):
        event["payload"] = event["metadata"] = text
    dates: list[str | int] = [
        2**63 - 1,
        -(2**63),
        -(10**17),
        "0001-01-01T00:00:00.000000Z",
    ]
    for event, date in zip(events, dates, strict=False):
        event["occurred_at"] = date
    events[4]["occurred_at"] = "9999-12-31T23:59:59.999999Z"
    events[5]["event_type"] = "Zoë\u202e'; drop table\t\x01"
    events[6]["recorded_by"] = 'a "role" \\ with\nlines'
    events[7]["recorded_by"] = ""
    for number, event in enumerate(events):
        event["id"] = -(2**63) if number == 0 else event["id"]
    events[-1]["id"] = 2**63 - 1
    return events


def test_ugly_content_is_no_finding(tmp_path: Path) -> None:
    report = judge(exports.write_export(exports.make_export(ugly_events()), tmp_path))
    assert is_clean(report) and counts(report) == {}
    # Dates beyond all clocks are shown, and change no verdict.
    assert [each.leaf for each in report.odd_dates] == [0, 4]


def test_json_may_be_written_in_another_way(folder: Path, sealed: Export) -> None:
    lines = [
        json.dumps(dict(reversed(each.items())), separators=(",", ":"))
        for each in sealed.lines
    ]
    text = " \r\n".join(lines)
    (folder / "events.ndjson").write_text(text, encoding="utf-8", newline="")
    assert is_clean(judge(folder))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=12
    )
)
def test_any_text_is_no_finding(texts: list[str], tmp_path: Path) -> None:
    events = exports.make_events(len(texts))
    for event, text in zip(events, texts, strict=True):
        event.update(payload=text, metadata=text, event_type=text, recorded_by=text)
    folder = tmp_path / "export"
    shutil.rmtree(folder, ignore_errors=True)
    assert is_clean(judge(exports.write_export(exports.make_export(events), folder)))


def test_heads_that_repeat_a_size_are_heartbeats(folder: Path, sealed: Export) -> None:
    thrice = [each for each in sealed.heads for _ in range(3)]
    heads = [{**each, "number": number} for number, each in enumerate(thrice, 1)]
    exports.write_lines(folder / "tree-heads.ndjson", heads)
    report = judge(folder)
    assert is_clean(report) and report.heads == 36


def test_heads_younger_than_the_checkpoint_are_left_out(folder: Path) -> None:
    with (folder / "tree-heads.ndjson").open("a") as stream:
        head = {"number": 13, "tree_size": 630, "root_hash": exports.b64(bytes(32))}
        head |= {"last_event_id": 1, "sealed_at": "2026-03-01T09:00:00.000000Z"}
        stream.write(json.dumps(head) + "\n")
    assert is_clean(judge(folder))


def test_a_log_name_may_have_slashes(tmp_path: Path) -> None:
    log = Log(name="example.com/a/b/c")
    export = exports.make_export(exports.make_events(10), log=log)
    report = judge(exports.write_export(export, tmp_path))
    assert is_clean(report)
    assert report.own is not None
    assert report.own.checkpoint.name == "example.com/a/b/c"
