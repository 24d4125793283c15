"""Verify an export: one pass over its files, in constant memory but for versions."""

from __future__ import annotations

import contextlib
import heapq
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .compare import entry_names
from .earlier import Earlier
from .findings import TAMPERED, UNREADABLE, UNSEALED, UNSUPPORTED, Findings
from .formats.entry import uuid_text
from .formats.events import EVENTS
from .formats.files import FileError, Folder
from .formats.merkle import EMPTY_ROOT
from .formats.note import Keys
from .formats.own_events import OwnEvents
from .heads import Heads, read_log
from .incarnations import describe_accepted, describe_losses, judge_lost
from .judge_kept import judge_kept
from .kept import OTHER_LOG, SKIPPED, Kept, load_earlier, load_kept, load_own
from .reading import entries_of, events_of
from .report import Report
from .stand_in import comparable, stand_in
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
    accepted: tuple[int, ...] = ()


def verify_export(
    request: Request, progress: Callable[[int], Progress] | None = None
) -> Report:
    """Verify an export; never raises for what it holds."""
    started = time.monotonic()
    found = Findings()
    report = Report(str(request.folder), found)
    if not os.path.isdir(request.folder):
        found.add(UNREADABLE, f"{request.folder}: no such folder")
        return report
    if not request.keys:
        found.add(UNSUPPORTED, "no key was given: nobody vouches for the checkpoint")
    try:
        with Folder(request.folder) as folder:
            report.own = load_own(folder, request.keys, found)
            places, notes = request.checkpoints, report.notes
            report.kept = load_kept(places, request.keys, found, notes)
            _verify(request, folder, report, progress)
    except FileError as error:
        found.add(UNREADABLE, f"{request.folder}: {error}")
    report.seconds = time.monotonic() - started
    return report


def _verify(
    request: Request,
    folder: Folder,
    report: Report,
    progress: Callable[[int], Progress] | None,
) -> None:
    found = report.found

    def unreadable(text: str) -> None:
        found.add(UNREADABLE, text)

    def missing(text: str) -> None:
        found.add(TAMPERED, text, fields=("number",))

    with contextlib.ExitStack() as after:
        before = _open_earlier(request, report, after)
        own = report.own or stand_in(folder, report.kept)
        if own is None:
            return
        size = own.checkpoint.size
        report.incarnations = read_log(folder, own.checkpoint, unreadable)
        earlier = _earlier_of(own, before, found)
        signed = [own, *report.kept] if report.own else report.kept
        own_events = OwnEvents()
        walk = Walk(
            found=found,
            folder=folder,
            size=size,
            events=events_of(folder, size, own_events, found),
            entries=entries_of(folder, size, found),
            heads=Heads(folder, size, unreadable, missing),
            targets=[
                each
                for each in signed
                if each.checkpoint.log_id == own.checkpoint.log_id
                and 0 < each.checkpoint.size <= size
            ],
            earlier=earlier,
        )
        for each in signed:
            if each.checkpoint.size == 0:
                each.fits = each.checkpoint.root == EMPTY_ROOT
        walk.run(progress(size) if progress else lambda _: None)
        _count_unsealed(walk, report)
        walk.finish()

        kept = report.kept if report.own else comparable(report.kept, own)
        judge_kept(kept, own, found, as_of=request.as_of)
        accepted = request.accepted
        excused = judge_lost(kept, own.checkpoint, accepted, found)
        report.notes += describe_accepted(own.checkpoint, accepted)
        report.notes += describe_losses(excused, report.incarnations, own_events)
        if earlier is not None:
            report.notes += earlier.finish(is_whole=walk.checked == size)
    report.notes += own_events.describe()
    report.notes += _say_left_out(report.kept)
    _fill(report, walk)


def _open_earlier(
    request: Request, report: Report, after: contextlib.ExitStack
) -> tuple[Folder, Kept] | None:
    """Open an earlier export; its checkpoint is one of those that were kept."""
    if request.earlier is None:
        return None
    report.earlier = str(request.earlier)
    try:
        folder = after.enter_context(Folder(request.earlier))
    except FileError as error:
        report.found.add(UNREADABLE, f"{request.earlier}: {error}")
        return None
    kept = load_earlier(folder, request.keys, report.found)
    if kept is None:
        return None
    report.kept.append(kept)
    return folder, kept


def _earlier_of(
    own: Kept, before: tuple[Folder, Kept] | None, found: Findings
) -> Earlier | None:
    """Compare with an earlier export only if it is of the same log."""
    if before is None:
        return None
    folder, kept = before
    if kept.checkpoint.log_id != own.checkpoint.log_id:
        text = f"{folder.path}: an export of another log, which was not compared"
        found.add(UNSUPPORTED, text)
        return None
    return Earlier(folder, kept, found)


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
