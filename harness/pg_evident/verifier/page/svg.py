"""Drawings of the page: the mark of the verdict, and checkpoints along the history."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TypeVar

from ..findings import CLEAN, REPLACED, TAMPERED
from ..formats.times import show
from ..kept import (
    AGREES,
    DIFFERS,
    LARGER,
    NOT_REPRODUCED,
    REFUSED,
    UNTRUSTED,
    Kept,
    bracket,
)
from ..report import Report
from .style import BAD, GOOD, QUIET, UNSURE

T = TypeVar("T")

WIDTH = 900
LEFT, RIGHT = 64, 24
LABEL_GAP = 84
MOST_DOTS = 400

TONES = {
    AGREES: GOOD,
    DIFFERS: BAD,
    LARGER: BAD,
    NOT_REPRODUCED: BAD,
    REFUSED: BAD,
    UNTRUSTED: UNSURE,
}


def mark(verdict: str, tone: str) -> str:
    """Draw a ring with a tick, a cross or a question mark."""
    stroke = f'fill="none" stroke="{tone}" stroke-width="5" stroke-linecap="round"'
    if verdict == CLEAN:
        inner = f'<path d="M25 41 L36 52 L56 29" {stroke} stroke-linejoin="round"/>'
    elif verdict in (TAMPERED, REPLACED):
        inner = f'<path d="M28 28 L52 52 M52 28 L28 52" {stroke}/>'
    else:
        inner = (
            f'<path d="M30 32 C30 20 50 20 50 32 C50 40 40 40 40 48" {stroke}/>'
            f'<circle cx="40" cy="58" r="3.4" fill="{tone}"/>'
        )
    return (
        '<svg width="80" height="80" viewBox="0 0 80 80" aria-hidden="true">'
        f'<circle cx="40" cy="40" r="36" fill="{tone}" fill-opacity="0.07"'
        f' stroke="{tone}" stroke-width="2.5"/>{inner}</svg>'
    )


def by_size(report: Report) -> str:
    """Draw checkpoints and findings along the leaves."""
    if report.own is None:
        return ""
    kept = _own_log(report)
    end = max([each.checkpoint.size for each in kept] + [1])
    size = report.own.checkpoint.size
    base = 58

    def x(leaf: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * leaf / end

    parts = [
        f'<rect x="{LEFT}" y="{base - 5}" width="{x(size) - LEFT:.1f}" height="10"'
        ' rx="5" fill="#e9e5dc"/>'
    ]
    if end > size:
        is_lost = any(each.status == LARGER for each in kept)
        parts.append(
            f'<rect x="{x(size):.1f}" y="{base - 5}" width="{x(end) - x(size):.1f}"'
            f' height="10" fill="none" stroke="{BAD if is_lost else QUIET}"'
            ' stroke-dasharray="4 3"/>'
        )
    span = bracket(kept)
    if span is not None:
        first, last = x(span[0]), max(x(span[1]), x(span[0]) + 3)
        parts.append(
            f'<rect x="{first:.1f}" y="{base - 15}" width="{last - first:.1f}"'
            f' height="30" fill="{BAD}" fill-opacity="0.13"/>'
        )
    tampered = [
        x.leaf
        for kind in (TAMPERED, REPLACED)
        for x in report.found.of(kind)
        if x.leaf is not None
    ]
    for leaf in _thin(sorted(set(tampered))):
        parts.append(
            f'<line x1="{x(leaf):.1f}" x2="{x(leaf):.1f}" y1="{base - 16}"'
            f' y2="{base + 16}" stroke="{BAD}" stroke-width="1.6"/>'
        )
    parts += [_dot(x(each.checkpoint.size), base, each) for each in _shown(kept)]
    marks = sorted({0, *(each.checkpoint.size for each in kept)})
    parts += _labels([(x(each), f"{each:,}") for each in marks], base + 32)
    parts.append(f'<text x="{LEFT}" y="24">by position: leaf 0 to {end:,}</text>')
    return _svg(104, "Checkpoints by tree size", parts)


def by_time(report: Report) -> str:
    """Draw the growth of the tree as its tree heads tell, with the checkpoints."""
    points = report.timeline
    if len(points) < 2 or points[0][1] >= points[-1][1]:
        return ""
    kept = [each for each in _own_log(report) if each.sealed_at is not None]
    first, last, most = points[0][1], points[-1][1], max(points[-1][0], 1)
    top, base = 44, 196

    def place(size: int, moment: int) -> tuple[float, float]:
        share = min(max((moment - first) / (last - first), 0), 1)
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * share,
            base - (base - top) * min(size / most, 1),
        )

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*each) for each in points))
    parts = [
        f'<text x="{LEFT}" y="24">by time: when the database sealed them</text>',
        *(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"'
            ' stroke="#eeebe4"/>'
            for y in (top, (top + base) / 2, base)
        ),
        *(
            f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{size:,}</text>'
            for y, size in ((base, 0), ((top + base) / 2, most // 2), (top, most))
        ),
        f'<polygon points="{LEFT},{base} {line} {WIDTH - RIGHT},{base}"'
        ' fill="#4f7d9b" fill-opacity="0.10"/>',
        f'<polyline points="{line}" fill="none" stroke="#4f7d9b" stroke-width="2"/>',
    ]
    for each in _shown(kept):
        x, y = place(each.checkpoint.size, each.sealed_at or 0)
        parts.append(_dot(x, y, each))
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = LEFT + (WIDTH - LEFT - RIGHT) * share
        moment = show(round(first + (last - first) * share))
        parts.append(
            f'<text x="{x}" y="{base + 24}" text-anchor="{anchor}">'
            f"{escape(moment.removesuffix(' UTC'))}</text>"
        )
    return _svg(232, "Tree size over time", parts)


def _dot(x: float, y: float, kept: Kept) -> str:
    tone = TONES.get(kept.status, QUIET)
    fill = "#fff" if kept.is_own else tone
    title = f"{kept.checkpoint.size:,}: {kept.status or 'not compared'}"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{fill}" stroke="{tone}"'
        f' stroke-width="2.5"><title>{escape(title)}</title></circle>'
    )


def _labels(marks: Sequence[tuple[float, str]], y: float) -> list[str]:
    """Write labels from the right, leaving out those that would touch another."""
    parts: list[str] = []
    free = float(WIDTH)
    for x, text in sorted(marks, reverse=True):
        if x <= free:
            anchor = "end" if x > WIDTH - RIGHT - 30 else "middle"
            parts.append(
                f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>'
            )
            free = x - LABEL_GAP
    return parts


def _own_log(report: Report) -> list[Kept]:
    if report.own is None:
        return []
    log_id = report.own.checkpoint.log_id
    return [
        each for each in [*report.kept, report.own] if each.checkpoint.log_id == log_id
    ]


def _shown(kept: Sequence[Kept]) -> Sequence[Kept]:
    """Thin out what agrees, and draw the rest over it."""
    agreeing = [each for each in kept if each.status == AGREES]
    others = [each for each in kept if each.status != AGREES]
    return [*_thin(agreeing), *_thin(others)]


def _thin(items: Sequence[T]) -> Sequence[T]:
    return items[:: -(-len(items) // MOST_DOTS)] if items else items


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img"'
        f' aria-label="{title}">{"".join(parts)}</svg>'
    )
