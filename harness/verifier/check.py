"""Verify an export: one pass over its files, in constant memory but for versions."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from .compare import Stored, entry_names
from .earlier import Earlier
from .entry import uuid_text
from .events import OwnEvent, Row, read_rows
from .findings import TAMPERED, UNREADABLE, UNSEALED, UNSUPPORTED, Findings
from .heads import Heads, read_log
from .incarnations import describe_ended, describe_own
from .judge import EVENTS
from .kept import OTHER_LOG, SKIPPED, Kept, judge_kept, load_kept, load_own
from .merkle import EMPTY_ROOT, leaf_hash
from .note import Keys
from .report import Report
from .tiles import TILE, TileError, read_entries, read_tile, tile_path, tile_width
from .walk import Walk

Progress = Callable[[int], None]
LARGEST = 10


@dataclass(frozen=True, slots=True)
class Request:
    """What to verify, and against what."""

    folder: Path
    keys: Keys
    checkpoints: tuple[Path, ...] = ()
    earlier: Path | None = None
    as_of: bool = False


def verify_export(
    request: Request, progress: Callable[[int], Progress] | None = None
) -> Report:
    """Verify an export; never raises for what it holds."""
    started = time.monotonic()
    found = Findings()
    report = Report(str(request.folder), found)
    if not request.folder.is_dir():
        found.add(UNREADABLE, f"{request.folder}: no such folder")
        return report
    if not request.keys:
        found.add(UNSUPPORTED, "no key was given: nobody vouches for the checkpoint")
    report.own = load_own(request.folder, request.keys, found)
    report.kept = load_kept(request.checkpoints, request.keys, found)
    if report.own is not None:
        _verify(request, report, report.own, progress)
    report.seconds = time.monotonic() - started
    return report


def _verify(
    request: Request,
    report: Report,
    own: Kept,
    progress: Callable[[int], Progress] | None,
) -> None:
    found, folder, size = report.found, request.folder, own.checkpoint.size
    report.incarnations = read_log(folder, lambda text: found.add(UNREADABLE, text))
    earlier = _open_earlier(request, report, own)
    log_id = UUID(own.checkpoint.log_id).bytes
    own_events: list[OwnEvent] = []
    walk = Walk(
        found=found,
        folder=folder,
        size=size,
        events=_events(folder, log_id, own_events, found),
        entries=_entries(folder, size, found),
        heads=Heads(folder, lambda text: found.add(UNREADABLE, text)),
        targets=[
            each
            for each in [own, *report.kept]
            if each.checkpoint.log_id == own.checkpoint.log_id
            and 0 < each.checkpoint.size <= size
        ],
        earlier=earlier,
    )
    for each in [own, *report.kept]:
        if each.checkpoint.size == 0:
            each.fits = each.checkpoint.root == EMPTY_ROOT
    walk.run(progress(size) if progress else lambda _: None)
    _count_unsealed(walk, report)
    walk.finish()

    ended = judge_kept(report.kept, own, found, as_of=request.as_of)
    for each in ended:
        # Sealed in another history than the one whose tree heads these are.
        each.sealed_at = None
    if earlier is not None:
        earlier.finish()
    report.notes += describe_ended(ended, report.kept, report.incarnations, own_events)
    report.notes += describe_own(own_events)
    report.notes += _say_left_out(report.kept)
    _fill(report, walk)


def _open_earlier(request: Request, report: Report, own: Kept) -> Earlier | None:
    """Open an earlier export; its checkpoint is one of those that were kept."""
    if request.earlier is None:
        return None
    report.earlier = str(request.earlier)
    kept = load_kept([request.earlier / "checkpoint"], request.keys, report.found)
    report.kept += kept
    if not kept or kept[0].checkpoint.log_id != own.checkpoint.log_id:
        return None
    return Earlier(request.earlier, kept[0], report.found)


def _events(
    folder: Path, log_id: bytes, own: list[OwnEvent], found: Findings
) -> Iterator[Row]:
    try:
        with (folder / EVENTS).open("rb") as stream:
            yield from read_rows(stream, log_id, own)
    except FileNotFoundError:
        found.add(UNREADABLE, f"{EVENTS}: missing")
    except OSError as error:
        found.add(UNREADABLE, f"{EVENTS}: {error.strerror}")


def _entries(folder: Path, size: int, found: Findings) -> Iterator[Stored]:
    """Give all stored entries in order, None for those that cannot be read."""
    for index in range(-(-size // TILE)):
        width = tile_width(size, 0, index)
        try:
            entries = read_entries(folder, index, width)
            if len(entries) < width and _is_beginning(folder, index, width, entries):
                path = tile_path("entries", index, width)
                raise TileError(f"{path}: ends after entry {len(entries)} of {width}")
        except TileError as error:
            found.add(UNREADABLE, str(error))
            yield from [None] * width
        else:
            yield from entries


def _is_beginning(folder: Path, index: int, width: int, entries: list[bytes]) -> bool:
    """Say whether a short bundle only lacks its end, as a file that was cut off."""
    try:
        tile = read_tile(folder, 0, index, width)
    except TileError:
        return True
    return tile[: len(entries)] == [leaf_hash(each) for each in entries]


def _count_unsealed(walk: Walk, report: Report) -> None:
    """Count the lines behind the tree; one with an old id does not belong there."""
    for row in walk.rest():
        if row.entry is None:
            report.found.add(UNREADABLE, f"{EVENTS}: line {row.line}: {row.note}")
        elif row.id <= walk.order.last_id:
            walk.displaced.add_extra(
                EVENTS, row.line, entry_names(row.entry), row.entry
            )
        else:
            report.unsealed += 1
    if report.unsealed:
        text = f"{report.unsealed:,} events are younger than the checkpoint"
        report.found.add(UNSEALED, text, count=report.unsealed)


def _say_left_out(kept: list[Kept]) -> list[str]:
    notes = []
    if not kept:
        notes.append(
            "no checkpoint kept outside was given: a history that was rewritten and"
            " signed anew would look the same"
        )
    for status, text in (
        (SKIPPED, "checkpoints are newer than the export and were not compared"),
        (OTHER_LOG, "checkpoints are of another log and were left out"),
    ):
        count = sum(each.status == status for each in kept)
        if count:
            notes.append(f"{count:,} {text}")
    return notes


def _fill(report: Report, walk: Walk) -> None:
    order = walk.order
    report.root = walk.root
    if report.own and report.own.checkpoint.size == 0:
        report.root = EMPTY_ROOT
    report.checked = walk.checked
    report.heads, report.timeline = walk.seals.count, walk.seals.timeline
    report.aggregates = len(order.versions)
    newest = heapq.nlargest(LARGEST, order.versions.items(), key=lambda item: item[1])
    report.largest = [(uuid_text(each), version) for each, version in newest]
    report.gaps = order.gaps
    report.odd_dates, report.odd_date_count = order.odd_dates, order.odd_date_count
    own = report.own
    if own and own.fits is False and not report.found.counts[TAMPERED]:
        # Nothing that fails may pass because its reason was not understood.
        report.found.add(TAMPERED, "the leaves do not lead to the signed root")
