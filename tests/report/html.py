"""The trust report as one HTML page, without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from report.evidence import Evidence
from report.setting import Setting
from report.verdict import KEPT, Verdict, cases, is_green, summary
from report.words import figures_of, said, tests_of, told

STYLE = """
:root { color-scheme: light dark; --line: #8883; --good: #1a7f37; --bad: #cf222e; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem;
    padding: 0 1rem; }
h1 { margin-bottom: 0; }
.summary { font-size: 1.25rem; margin: .25rem 0 1rem; }
.kept { color: var(--good); } .broken { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
dt { opacity: .7; } dd { margin: 0; }
.grid { display: grid; grid-template-columns: 2rem 1fr 6rem; border-top: 1px solid
    var(--line); padding: .6rem 0; column-gap: .75rem; }
.number { text-align: right; opacity: .6; font-variant-numeric: tabular-nums; }
.promise { font-weight: 600; }
.result { text-align: right; font-weight: 600; }
.small { font-size: .88rem; opacity: .85; margin: .1rem 0; }
details { font-size: .88rem; } summary { cursor: pointer; opacity: .7; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
code { white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def html(rows: Sequence[Verdict], setting: Setting) -> str:
    """Give the whole page."""
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in setting.lines()
    )
    kind = "kept" if is_green(rows) else "broken"
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8"><title>Trust report</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body>\n<h1>Trust report</h1>\n"
        f'<p class="summary {kind}">{escape(summary(rows))}</p>\n<dl>{facts}</dl>\n'
        f"{''.join(map(_row, rows))}</body></html>\n"
    )


def _row(row: Verdict) -> str:
    kind = "kept" if row.result == KEPT else "broken"
    lines = [f"Passes when: {row.promise.passes}."]
    if row.figures:
        lines.append(f"Seen: {figures_of(row)}.")
    if row.caught:
        lines.append(f"Broken variants caught: {', '.join(row.caught)}.")
    small = "".join(f'<p class="small">{escape(line)}</p>' for line in lines)
    items = "".join(
        f"<li>{_item(group)}</li>" for group in cases([*row.tests, *row.twins])
    )
    return (
        f'<section class="grid"><div class="number">{row.promise.number}</div><div>'
        f'<div class="promise">{escape(row.promise.text)}</div>{small}'
        f"<details><summary>{tests_of(row)} tests passed, {row.seconds:.0f} s</summary>"
        f'<ul>{items}</ul></details></div><div class="result {kind}">{row.result}</div>'
        "</section>\n"
    )


def _item(group: Sequence[Evidence]) -> str:
    line = said(group)
    return escape(told(group)) + (f"<br><code>{escape(line)}</code>" if line else "")
