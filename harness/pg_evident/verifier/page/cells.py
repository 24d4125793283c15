"""Pieces of the page: tables, marks, and text that is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..findings import Finding
from ..text import plain

ROWS = 200
LONGEST = 2000
NONE = "&ndash;"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], more: int = 0) -> str:
    """Write a table of cells that are HTML; a head that begins with # is a number's.

    `more` counts what is not in the rows shown, where they do not tell it themselves.
    """
    given = list(rows)
    classes = [" class='n'" if head.startswith("#") else "" for head in heads]
    head = "".join(
        f"<th{mark}>{name.lstrip('#')}</th>"
        for mark, name in zip(classes, heads, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{x}>{cell}</td>" for x, cell in zip(classes, row, strict=True))
        + "</tr>"
        for row in given[:ROWS]
    )
    more = more or len(given) - ROWS
    tail = f'<p class="more">… and {more:,} more</p>' if more > 0 else ""
    return f"<table><tr>{head}</tr>{body}</table>{tail}"


def tag(text: str, tone: str) -> str:
    """Write a word in a frame of its colour."""
    return f'<span class="tag {tone}">{e(text)}</span>'


def mono(text: object) -> str:
    """Write an identifier in letters of one width."""
    return f"<code>{e(text)}</code>"


def e(text: object) -> str:
    """Escape a text, and take out what would deceive the eye."""
    return escape(plain(text, LONGEST))


def event(finding: Finding) -> str:
    """Write the event of a finding: its id, version and aggregate."""
    if finding.event_id is None:
        return NONE
    return (
        f"{mono(finding.event_id)}<br>"
        f'<span class="quiet">version {finding.version} of</span>'
        f" {mono(finding.aggregate_id)}"
    )
