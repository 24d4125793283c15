"""Sections of the page: checkpoints, findings, dates and aggregates."""

from __future__ import annotations

from collections.abc import Sequence

from ..findings import CLASSES, Finding
from ..formats.times import show
from ..kept import AGREES, DIFFERS, LARGER, NOT_REPRODUCED, REFUSED, UNTRUSTED, Kept
from ..report import Report
from ..report_text import MEANING
from .cells import NONE, ROWS, e, event, mono, table, tag
from .style import BAD, GOOD, QUIET, UNSURE
from .svg import by_size, by_time

CLASS_TONES = {
    "tampered": "bad",
    "replaced": "bad",
    "unreadable": "unsure",
    "unsupported": "unsure",
}
STATUS_TONES = {
    AGREES: "good",
    DIFFERS: "bad",
    LARGER: "bad",
    NOT_REPRODUCED: "bad",
    REFUSED: "bad",
    UNTRUSTED: "unsure",
}


def history(report: Report) -> str:
    """Show all checkpoints, along the leaves and along time."""
    if report.own is None or report.event_id is not None:
        return ""
    legend = "".join(
        f'<span><i style="background:{tone}"></i>{text}</span>'
        for tone, text in (
            (GOOD, "agrees"),
            (BAD, "differs, not reproduced, or what was changed"),
            (UNSURE, "no trusted signature"),
            (QUIET, "not compared, or lost, as accepted"),
        )
    )
    legend += '<span><i class="ring"></i>ring: the export&rsquo;s own</span>'
    kept = sorted(
        [report.own, *report.kept],
        key=lambda each: (each.checkpoint.incarnation, each.checkpoint.size),
    )
    if len(kept) > ROWS:
        # What agrees is what may be left out of the table.
        kept.sort(key=lambda each: each.status == AGREES)
    rows = table(
        ("Checkpoint", "Incarnation", "#Size", "Sealed", "Result"),
        [_checkpoint(each) for each in kept],
    )
    return (
        "<section><h2>Checkpoints along the history</h2>"
        '<p class="lead">A checkpoint is a signed promise: so many events, and this'
        " root. Each was compared with the root that was recomputed from the events"
        " at its size.</p>"
        f'<div class="card">{by_size(report)}{by_time(report)}'
        f'<div class="legend">{legend}</div></div>'
        f'<div class="card">{rows}</div></section>'
    )


def _checkpoint(each: Kept) -> Sequence[str]:
    mine = each.checkpoint
    return (
        e(each.file),
        e(mine.incarnation),
        f"{mine.size:,}",
        e(show(each.sealed_at)) if each.sealed_at is not None else NONE,
        tag(each.status or "not compared", STATUS_TONES.get(each.status, "quiet")),
    )


def findings(report: Report) -> str:
    """Show the findings, one card for each class."""
    cards = [
        _class(kind, report.found.counts[kind], report.found.of(kind))
        for kind in CLASSES
        if report.found.counts[kind]
    ]
    none = '<div class="card"><p class="none">Nothing was found.</p></div>'
    return f"<section><h2>Findings</h2>{''.join(cards) or none}</section>"


def _class(kind: str, count: int, findings: Sequence[Finding]) -> str:
    rows = [
        (
            f"{each.leaf:,}" if each.leaf is not None else NONE,
            event(each),
            e(each.text),
        )
        for each in findings
    ]
    more = count - sum(each.count for each in findings[:ROWS])
    shown = table(("#Leaf", "Event", "Finding"), rows, more=more)
    if all(each.leaf is None and each.event_id is None for each in findings):
        shown = table(("Finding",), [row[2:] for row in rows], more=more)
    tone = CLASS_TONES.get(kind, "quiet")
    return (
        f'<div class="card"><h3 class="first">{tag(kind, tone)} {count:,}'
        f' <span class="quiet">{MEANING[kind]}</span></h3>'
        f"{shown}</div>"
    )


def dates(report: Report) -> str:
    """Show dates that do not fit the tree heads around them."""
    if not report.odd_date_count:
        return ""
    rows = [(f"{x.leaf:,}", mono(x.event_id), e(x.text)) for x in report.odd_dates]
    shown = table(("#Leaf", "Event", "Date"), rows, more=report.odd_date_count - ROWS)
    return (
        "<section><h2>Dates to look at</h2>"
        '<p class="lead">These dates do not fit the time at which the database sealed'
        " the event. That is no proof of anything, and does not change the verdict.</p>"
        f'<div class="card">{shown}</div></section>'
    )


def aggregates(report: Report) -> str:
    """Show which aggregates have gaps, and which are the largest."""
    if report.event_id is not None or not report.aggregates:
        return ""
    gaps = table(
        ("Aggregate", "#Expected", "#Found", "#Leaf"),
        [
            (mono(x.aggregate_id), f"{x.expected:,}", f"{x.version:,}", f"{x.leaf:,}")
            for x in report.gaps
        ],
    )
    whole = report.aggregates - len({each.aggregate_id for each in report.gaps})
    if not report.gaps:
        gaps = '<p class="none">None lacks a version.</p>'
    most = report.largest[0][1] if report.largest else 1
    largest = "".join(
        f"<tr><td>{mono(name)}</td><td class='n'>{version:,}</td><td class='w'>"
        f"<div class='bar' style='width:{100 * version / most:.1f}%'></div></td></tr>"
        for name, version in report.largest
    )
    return (
        "<section><h2>Aggregates</h2>"
        f'<p class="lead">{whole:,} of {report.aggregates:,} aggregates have versions'
        " 1 to n without a gap.</p>"
        f'<div class="card"><h3 class="first">Incomplete</h3>{gaps}</div>'
        '<div class="card"><h3 class="first">Largest</h3><table>'
        f"<tr><th>Aggregate</th><th class='n'>Events</th><th></th></tr>{largest}"
        "</table></div></section>"
    )
