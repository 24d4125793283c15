"""No line, note or payload takes long, however it is filled."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pg_evident.verifier.findings import UNREADABLE
from pg_evident.verifier.formats import events, note, own_events
from pg_evident.verifier.formats.documents import MOST_PARTS, parse_object
from pg_evident.verifier.formats.note import (
    MAX_SIGNATURES,
    NoteError,
    load_keys,
    parse_note,
)
from pg_evident.verifier.report import Report
from support.checkers.judging import judge, texts
from support.models import exports
from support.models.exports import Export, Log

pytestmark = pytest.mark.promise(27)

# Of the processor, in one verification.
SECONDS = 5.0
NIL = "00000000-0000-0000-0000-000000000000"
FILLINGS = {
    "lists": ("[", "[],", "]"),
    "lists in an object": ('{"a": [', "[],", "]}"),
    "objects": ('{"a": [', '{"":0},', "]}"),
    "lists in lists": ('{"a": [', "[[[[[[[[]]]]]]]],", "]}"),
    "names": ("{", '"":0,', "}"),
    "a number": ('{"id": ', "9", "}"),
    "blanks": ('{"id": 1', " ", "}"),
    "escapes": ('{"id": "', '\\"', '"}'),
    "text": ('{"id": "', "x", '"}'),
}


def fill(filling: str, length: int) -> str:
    """Fill a document of so many characters, whatever it takes."""
    first, item, last = FILLINGS[filling]
    count = (length - len(first) - len(last)) // len(item)
    return first + (item * count).removesuffix(",") + last


def soon(folder: Path, *kept: Path) -> Report:
    started = time.process_time()
    report = judge(folder, *kept)
    assert time.process_time() - started < SECONDS
    return report


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize(
    ("length", "lines"), [(events.LONGEST_LINE - 1, 4), (60_000, 600)]
)
def test_lines_of_any_filling_are_read_soon(
    length: int, lines: int, filling: str, folder: Path
) -> None:
    line = fill(filling, length).encode() + b"\n"
    with (folder / "events.ndjson").open("ab") as file:
        for _ in range(lines):
            file.write(line)
    assert soon(folder).verdict == "cannot tell"


@pytest.mark.parametrize("filling", FILLINGS)
def test_a_log_json_of_any_filling_is_read_soon(filling: str, folder: Path) -> None:
    (folder / "log.json").write_text(fill(filling, 4 * 2**20))
    assert texts(soon(folder), UNREADABLE) == ["log.json: not of its form"]


def test_tree_heads_of_any_filling_are_read_soon(folder: Path) -> None:
    """A key that is not known means nothing, and may hold anything."""
    lines = (folder / "tree-heads.ndjson").read_bytes().splitlines()
    newest = json.loads(lines[-1])
    with (folder / "tree-heads.ndjson").open("ab") as file:
        for number in range(13, 20_000):
            head = json.dumps({**newest, "number": number})[:-1]
            file.write(f'{head}, "x": {fill("lists in an object", 3000)}}}\n'.encode())
    report = soon(folder)
    assert texts(report, UNREADABLE) == ["tree-heads.ndjson: line 13 is no tree head"]


def test_a_document_of_too_many_parts_is_none() -> None:
    with pytest.raises(ValueError, match="too many parts"):
        parse_object(fill("objects", 8 * MOST_PARTS))


@pytest.mark.parametrize("filling", ["lists in an object", "objects", "names"])
@pytest.mark.parametrize(("length", "lines"), [(2**20, 20), (10_000, 2000)])
def test_own_events_of_any_filling_are_read_soon(
    length: int, lines: int, filling: str, tmp_path: Path
) -> None:
    base = exports.make_events(300)
    own = {
        **base[-1],
        "id": base[-1]["id"] + 1,
        "aggregate_id": NIL,
        "event_type": "GuardChanged",
        "payload": fill(filling, length),
    }
    folder = exports.write_export(exports.make_export(base), tmp_path / "export")
    line = json.dumps(own).encode() + b"\n"
    with (folder / "events.ndjson").open("ab") as file:
        for _ in range(lines):
            file.write(line)
    report = soon(folder)
    assert report.unsealed == lines


def test_what_is_not_looked_into_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_events, "MOST_PARTS", 100)
    seen = own_events.OwnEvents()
    rows = json.dumps({"added": [{"name": "a"}] * 60})
    for line in (1, 2):
        seen.see(line, "GuardChanged", "postgres", 0, rows)
    seen.see(3, "GuardChanged", "postgres", 0, '{"added": [1]}')
    assert [each.partition(" (")[0] for each in seen.describe()] == [
        "guards changed: 1 added, 0 removed",
        "GuardChanged: too large to be looked into",
        "GuardChanged: too large to be looked into",
    ]


def pairs(folder: Path) -> Report:
    """Write an event as an array of its names and values."""
    lines = (folder / "events.ndjson").read_bytes().split(b"\n")
    event = json.loads(lines[300])
    lines[300] = json.dumps([list(each) for each in event.items()]).encode()
    (folder / "events.ndjson").write_bytes(b"\n".join(lines))
    return judge(folder)


def is_refused(report: Report) -> None:
    assert report.verdict == "cannot tell"
    assert texts(report, UNREADABLE) == ["events.ndjson: line 301: not an object"]


def test_a_line_is_an_object_and_no_array_of_pairs(folder: Path) -> None:
    is_refused(pairs(folder))


class Anything(int):
    """Equal to all that it is compared with."""

    def __ne__(self, other: object) -> bool:
        return False


@pytest.mark.twin_of(27)
def test_a_verifier_that_takes_pairs_for_an_object_is_caught(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_BRACE", Anything())
    with pytest.raises(AssertionError):
        is_refused(pairs(folder))


def test_large_events_are_events(tmp_path: Path) -> None:
    base = exports.make_events(4)
    base[1]["payload"] = fill("objects", 2**20)
    base[2]["metadata"] = json.dumps({"a": '"' * 300_000})
    report = judge(exports.write_export(exports.make_export(base), tmp_path / "export"))
    assert report.verdict == "clean"


def test_a_note_of_many_signatures_is_read_soon(
    folder: Path, outside: Path, sealed: Export
) -> None:
    text = sealed.log.checkpoint(sealed.leaves)
    body, gap, line = text.partition("\n\n")
    (outside / "000001-000000000600.checkpoint").write_text(body + gap + line * 8000)
    report = soon(folder, outside)
    assert "more than 100 signatures" in texts(report, UNREADABLE)[0]
    (folder / "checkpoint").write_text(body + gap + line * 8000)
    assert soon(folder).verdict == "cannot tell"


def test_signatures_of_many_keys_are_checked_soon(sealed: Export) -> None:
    logs = [Log(seed=each, key_name=f"k{each}") for each in range(MAX_SIGNATURES)]
    body, _, _ = sealed.log.checkpoint(sealed.leaves).partition("\n\n")
    body += "\n" + "x" * 900_000 + "\n"
    lines = [each.sign(body).rpartition("\n\n")[2] for each in logs]
    parsed = parse_note((body + "\n" + "".join(lines)).encode())
    keys = load_keys([each.vkey for each in logs])
    started = time.process_time()
    assert note.check_signature(parsed, keys)[0] == note.TRUSTED
    assert time.process_time() - started < SECONDS


def test_one_signature_more_than_others_take_is_too_many(sealed: Export) -> None:
    body, _, line = sealed.log.checkpoint(sealed.leaves).partition("\n\n")
    parse_note(f"{body}\n\n{line * MAX_SIGNATURES}".encode())
    with pytest.raises(NoteError, match="signatures"):
        parse_note(f"{body}\n\n{line * (MAX_SIGNATURES + 1)}".encode())
