"""Run the offline verifier on written exports, and say what is expected of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pg_evident.verifier.check import Request, verify_export
from pg_evident.verifier.findings import TAMPERED, Finding
from pg_evident.verifier.formats.note import load_keys
from pg_evident.verifier.report import Report
from support.models import exports
from support.models.exports import Event, Export, Log


def judge(
    folder: Path,
    *checkpoints: Path,
    keys: list[str] | None = None,
    earlier: Path | None = None,
    as_of: bool = False,
    accepted: tuple[int, ...] = (),
) -> Report:
    """Verify with the key of the usual log, unless others are given."""
    given = load_keys([Log().vkey] if keys is None else keys)
    request = Request(folder, given, checkpoints, earlier, as_of, accepted)
    return verify_export(request)


def texts(report: Report, kind: str = TAMPERED) -> list[str]:
    return [each.text for each in report.found.of(kind)]


def counts(report: Report) -> dict[str, int]:
    return {kind: count for kind, count in report.found.counts.items() if count}


def is_clean(report: Report) -> bool:
    assert report.exit_code == 0, report.found.listed
    assert report.verdict == "clean"
    return True


def names_event(report: Report, event: Event, leaf: int | None = None) -> Finding:
    """Require that the one finding of tampering is about this event."""
    assert report.exit_code == 1, report.found.listed
    (finding,) = report.found.of(TAMPERED)
    assert finding.event_id == event["event_id"], finding
    assert finding.aggregate_id == event["aggregate_id"]
    assert finding.version == event["version"]
    if leaf is not None:
        assert finding.leaf == leaf
    return finding


def edit_lines(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the lines of events.ndjson."""
    lines = exports.read_lines(folder / "events.ndjson")
    change(lines)
    exports.write_lines(folder / "events.ndjson", lines)


def rewrite_entries(folder: Path, export: Export, entries: list[bytes]) -> None:
    """Write other entries; the tree stays."""
    for file in list((folder / "tile/entries").rglob("*")):
        if file.is_file():
            file.unlink()
    exports.write_entries(folder, entries)


def flip(file: Path, position: int, bit: int = 0) -> None:
    """Flip one bit of a file."""
    data = bytearray(file.read_bytes())
    data[position] ^= 1 << bit
    file.write_bytes(bytes(data))
