"""What is missing, cut off or garbage is called unreadable, never tampered."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from pg_evident.verifier.findings import TAMPERED, UNREADABLE, UNSUPPORTED
from pg_evident.verifier.report import Report
from support.checkers.judging import counts, edit_lines, judge, rewrite_entries, texts
from support.models import exports
from support.models.exports import Event, Export

FILES = [
    "checkpoint",
    "events.ndjson",
    "tree-heads.ndjson",
    "log.json",
    "tile/0/000",
    "tile/0/001",
    "tile/0/002.p/88",
    "tile/1/000.p/2",
    "tile/entries/000",
    "tile/entries/001",
    "tile/entries/002.p/88",
]


def names_file(report: Report, name: str) -> None:
    """Require `cannot tell`, and that the file is named."""
    assert report.exit_code == 2, report.found.listed
    assert report.verdict == "cannot tell"
    assert not report.found.counts[TAMPERED]
    assert any(name in text for text in texts(report, UNREADABLE)), texts(
        report, UNREADABLE
    )


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    names_file(judge(folder), name)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_a_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    names_file(judge(folder), name)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(name: str, share: float, folder: Path) -> None:
    data = (folder / name).read_bytes()
    # Within the sealed lines: behind them, a cut takes only unsealed events away.
    size = len(data) * 600 // 640 if name == "events.ndjson" else len(data)
    (folder / name).write_bytes(data[: int(size * share)])
    names_file(judge(folder), name)


@pytest.mark.parametrize("name", ["tile/0/001", "tile/1/000.p/2"])
def test_a_tile_that_is_too_long_is_named(name: str, folder: Path) -> None:
    with (folder / name).open("ab") as stream:
        stream.write(bytes(32))
    names_file(judge(folder), name)


@pytest.mark.parametrize("name", [x for x in FILES if "tile/" not in x])
@pytest.mark.parametrize("seed", range(3))
def test_garbage_is_named(name: str, seed: int, folder: Path) -> None:
    (folder / name).write_bytes(random.Random(seed).randbytes(5000))
    names_file(judge(folder), name)


def test_an_export_cut_off_between_lines_is_not_tampered(
    folder: Path, sealed: Export
) -> None:
    edit_lines(folder, lambda lines: lines.__delitem__(slice(450, None)))
    report = judge(folder)
    names_file(report, "events.ndjson: ends before leaf 450")
    assert counts(report) == {"unreadable": 1}


def test_a_bundle_cut_off_between_entries_is_not_tampered(
    folder: Path, sealed: Export
) -> None:
    data = b"".join(
        len(each).to_bytes(2, "big") + each for each in sealed.entries[256:300]
    )
    (folder / "tile/entries/001").write_bytes(data)
    report = judge(folder)
    names_file(report, "tile/entries/001: ends after entry 44 of 256")
    assert counts(report)["unreadable"] == 1


def test_an_empty_folder_and_no_folder_are_unreadable(tmp_path: Path) -> None:
    names_file(judge(tmp_path), "checkpoint: missing")
    names_file(judge(tmp_path / "nowhere"), "nowhere: no such folder")


def test_a_checkpoint_of_a_size_that_nothing_has_ends_soon(tmp_path: Path) -> None:
    export = exports.make_export(exports.make_events(10))
    folder = exports.write_export(export, tmp_path)
    body = f"{export.log.origin}\n{10**18}\n{exports.b64(bytes(32))}\n"
    exports.write(folder, "checkpoint", export.log.sign(body).encode())
    report = judge(folder)
    names_file(report, "no file has leaf 10")


LINES = [
    "",
    "{}",
    "[]",
    "7",
    "null",
    "true",
    "NaN",
    '"text"',
    "{",
    "[" * 100_000,
    "9" * 10_000,
    "\x00\x01",
    '{"id": 1}',
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_line_that_is_no_event_is_named(line: str, folder: Path) -> None:
    lines = (folder / "events.ndjson").read_bytes().split(b"\n")
    lines[300] = line.encode()
    (folder / "events.ndjson").write_bytes(b"\n".join(lines))
    report = judge(folder)
    names_file(report, "events.ndjson: line 301: ")
    assert [each.leaf for each in report.found.of(UNREADABLE)] == [300]


VALUES = [
    ("id", 1.0),
    ("id", True),
    ("id", 2**63),
    ("id", None),
    ("version", "1"),
    ("version", 2**31),
    ("event_id", "not a uuid"),
    ("event_id", "{" + "0" * 34 + "}"),
    ("event_id", "00000000000000000000000000000000----"),
    ("aggregate_id", 7),
    ("occurred_at", "2026-03-01"),
    ("occurred_at", "2026-03-01T08:00:00Z"),
    ("occurred_at", "2026-03-01T08:00:00.000000+00:00"),
    ("occurred_at", "2026-03-01T08:00:61.000000Z"),
    ("occurred_at", "2026-02-30T08:00:00.000000Z"),
    ("occurred_at", "2026-03-01T08:00:0١.000000Z"),  # noqa: RUF001
    ("occurred_at", 1.5),
    ("occurred_at", 2**63),
    ("event_type", None),
    ("event_type", ["OrderCreated"]),
    ("recorded_by", {}),
    ("payload", {"amount": 1}),
    ("payload", 7),
    ("metadata", ["x"]),
]


@pytest.mark.parametrize(("key", "value"), VALUES, ids=range(len(VALUES)))
def test_a_value_that_no_event_has_is_named(
    key: str, value: object, folder: Path
) -> None:
    edit_lines(folder, lambda lines: lines[300].update({key: value}))
    report = judge(folder)
    names_file(report, "events.ndjson: line 301: ")


def test_a_lone_surrogate_in_a_line_is_unreadable(folder: Path) -> None:
    lines = (folder / "events.ndjson").read_bytes().split(b"\n")
    lines[300] = lines[300].replace(b"shop_app", b"\\ud800")
    (folder / "events.ndjson").write_bytes(b"\n".join(lines))
    names_file(judge(folder), "events.ndjson: line 301: not UTF-8")


def test_a_key_that_stands_twice_is_unreadable(folder: Path, sealed: Export) -> None:
    # Another reader might take the first, and this one the last.
    lines = (folder / "events.ndjson").read_bytes().split(b"\n")
    lines[300] = lines[300].replace(b"{", b'{"p\\u0061yload": "{}", ', 1)
    (folder / "events.ndjson").write_bytes(b"\n".join(lines))
    names_file(judge(folder), "line 301: a key stands twice")


def test_a_key_that_is_not_known_is_unsupported(folder: Path) -> None:
    edit_lines(folder, lambda lines: lines[300].update(private="x"))
    report = judge(folder)
    assert report.exit_code == 2 and counts(report)["unsupported"] == 1
    assert "does not know: private" in texts(report, UNSUPPORTED)[0]


def test_an_entry_with_another_first_line_is_unsupported(tmp_path: Path) -> None:
    export = exports.make_export(exports.make_events(300))
    export.entries[270] = export.entries[270].replace(b".v1\n", b".v2\n", 1)
    export.heads = exports.make_heads(export, 50)
    report = judge(exports.write_export(export, tmp_path))
    assert report.exit_code == 2 and counts(report) == {"unsupported": 1}
    (finding,) = report.found.of(UNSUPPORTED)
    assert finding.leaf == 270 and "evident.event.v2" in finding.text


def test_a_log_of_another_format_is_not_read(folder: Path) -> None:
    about = json.loads((folder / "log.json").read_text())
    (folder / "log.json").write_text(json.dumps({**about, "format": "other"}))
    names_file(judge(folder), "log.json: format other")


def test_tampering_outweighs_what_is_unreadable(folder: Path) -> None:
    edit_lines(folder, lambda lines: lines[10].update(payload="{}"))
    (folder / "tile/0/001").unlink()
    (folder / "log.json").unlink()
    report = judge(folder)
    assert report.exit_code == 1 and counts(report)["unreadable"] == 2


@pytest.mark.parametrize(
    "gone", ["tile/entries/001", "tile/0/001", "tile/entries/001 tile/0/001"]
)
def test_an_edit_is_found_though_other_files_of_its_bundle_are_gone(
    gone: str, folder: Path
) -> None:
    for name in gone.split():
        (folder / name).unlink()
    edit_lines(folder, lambda lines: lines[300].update(payload="{}"))
    assert judge(folder).exit_code == 1


def test_an_edit_behind_a_hole_is_found(folder: Path, sealed: Export) -> None:
    for name in ("tile/entries/000", "tile/0/000"):
        (folder / name).unlink()

    def spoil(lines: list[Event]) -> None:
        lines[100]["id"] = "?"
        lines[500]["payload"] = "{}"

    edit_lines(folder, spoil)
    report = judge(folder)
    assert report.exit_code == 1
    assert [each.leaf for each in report.found.of(TAMPERED)] == [500]
    assert "no file has leaf 100" in texts(report, UNREADABLE)[-1]


def test_without_entries_a_withheld_text_cannot_be_checked(folder: Path) -> None:
    (folder / "tile/entries/001").unlink()
    edit_lines(folder, lambda lines: lines[300].update(payload=None))
    report = judge(folder)
    names_file(report, "line 301: payload withheld, and no entry")


def test_no_gap_is_claimed_behind_what_could_not_be_read(
    folder: Path, sealed: Export
) -> None:
    rewrite_entries(folder, sealed, sealed.entries)
    (folder / "tile/entries/000").unlink()

    def spoil(lines: list[Event]) -> None:
        for line in lines[:256]:
            line["id"] = "?"

    edit_lines(folder, spoil)
    report = judge(folder)
    assert report.exit_code == 2 and report.gaps == []
