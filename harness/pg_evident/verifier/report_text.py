"""The result as short text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import (
    CANNOT_TELL,
    CLASSES,
    CLEAN,
    ERASED,
    REPLACED,
    TAMPERED,
    UNREADABLE,
    UNSEALED,
    UNSUPPORTED,
    Finding,
)
from .kept import AGREES, GIVEN_UP
from .report import Report
from .text import plain

SHOWN = 20
# Characters of a line: file names are long, and nothing of a finding is left out.
LONGEST = 2000
MEANING = {
    TAMPERED: "what was sealed and what is there differ",
    REPLACED: "published leaves are not in this history",
    UNREADABLE: "could not be read",
    UNSUPPORTED: "not for this verifier to judge",
    ERASED: "withheld on purpose; the leaf is there",
    UNSEALED: "younger than the checkpoint",
}


def render(report: Report) -> str:
    """Write a report, the verdict in the first line."""
    return "\n".join(plain(line, LONGEST) for line in _lines(report))


def headline(report: Report) -> str:
    """Say the verdict and its ground in one sentence."""
    counts = report.found.counts
    if report.verdict in (TAMPERED, REPLACED):
        number = counts[report.verdict]
        text = describe(report.found.of(report.verdict)[0])
        if number == 1:
            return f"{report.verdict}: {text}"
        return f"{report.verdict}: {number:,} findings, the first: {text}"
    if report.verdict == CANNOT_TELL:
        first = next(
            each
            for each in report.found.listed
            if each.kind in (UNREADABLE, UNSUPPORTED)
        )
        more = counts[UNREADABLE] + counts[UNSUPPORTED] - 1
        return f"cannot tell: {first.text}" + (f", and {more:,} more" if more else "")
    assert report.verdict == CLEAN
    kept = sum(each.status == AGREES for each in report.kept)
    if report.event_id is not None:
        return "clean: the event is in the tree"
    also = f" and {kept:,} kept checkpoint{'' if kept == 1 else 's'}" if kept else ""
    text = f"clean: {report.checked:,} events agree with the signed checkpoint{also}"
    if any(each.status == GIVEN_UP for each in report.kept):
        text += "; published leaves are gone, as was accepted"
    return text


def _lines(report: Report) -> Iterator[str]:
    yield headline(report)
    yield ""
    own = report.own
    if own is not None:
        mine = own.checkpoint
        yield f"{'log':13}{mine.name}"
        yield f"{'uuid':13}{mine.log_id}"
        yield f"{'incarnation':13}{mine.incarnation}"
        yield f"{'tree size':13}{mine.size:,}"
        yield f"{'root':13}{mine.root.hex()}"
        yield f"{'signed by':13}{', '.join(own.signers) or own.trust}"
    if report.event_id is not None:
        yield f"{'event':13}{report.event_id}"
    elif own is not None:
        yield f"{'events':13}{report.checked:,} checked, {report.unsealed:,} unsealed"
        yield f"{'aggregates':13}{report.aggregates:,}, {len(report.gaps):,} incomplete"
        yield f"{'tree heads':13}{report.heads:,}"
    statuses = [each.status for each in report.kept]
    for status in sorted(set(statuses)):
        count = statuses.count(status)
        yield f"{'checkpoints':13}{count:,}: {status or 'not compared'}"
    for note in report.notes:
        yield f"{'note':13}{note}"
    for kind in CLASSES:
        yield from _class(report, kind)
    if report.odd_date_count:
        yield ""
        yield f"dates to look at ({report.odd_date_count:,})"
        for odd in report.odd_dates[:SHOWN]:
            yield f"  leaf {odd.leaf:,}  {odd.event_id}  {odd.text}"
        yield from _more(report.odd_date_count - SHOWN)
    yield ""
    yield f"{'seconds':13}{report.seconds:.1f}"


def _class(report: Report, kind: str) -> Iterator[str]:
    count = report.found.counts[kind]
    if not count:
        return
    yield ""
    yield f"{kind} ({count:,}): {MEANING[kind]}"
    listed = report.found.of(kind)
    for finding in listed[:SHOWN]:
        yield f"  {describe(finding)}"
    yield from _more(count - sum(each.count for each in listed[:SHOWN]))


def describe(finding: Finding) -> str:
    """Write a finding and its event in one line."""
    parts = []
    if finding.leaf is not None:
        parts.append(f"leaf {finding.leaf:,}")
    if finding.event_id is not None:
        parts.append(f"event {finding.event_id}")
    if finding.aggregate_id is not None:
        parts.append(f"(version {finding.version} of {finding.aggregate_id})")
    return f"{' '.join(parts)}: {finding.text}" if parts else finding.text


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  … and {count:,} more"
