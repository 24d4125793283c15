"""The result as one page for an auditor: no script, nothing to load, all escaped."""

from __future__ import annotations

from ..findings import CLEAN, REPLACED, TAMPERED
from ..report import Report
from ..report_text import headline
from .cells import e, mono
from .sections import aggregates, dates, findings, history
from .style import BAD, CSS, GOOD, UNSURE
from .svg import mark
from .words import checked, not_known

TITLES = {
    "clean": "Clean",
    "tampered": "Tampered",
    "replaced": "Replaced",
    "cannot tell": "Cannot tell",
}


def render_html(report: Report) -> str:
    """Write the page; every text from outside is escaped."""
    tones = {CLEAN: GOOD, TAMPERED: BAD, REPLACED: BAD}
    tone = tones.get(report.verdict, UNSURE)
    title = TITLES[report.verdict]
    # What was found comes first, unless all is well.
    middle = (history, findings) if report.verdict == CLEAN else (findings, history)
    body = [
        _top(report, title, tone),
        _facts(report),
        *(section(report) for section in middle),
        dates(report),
        aggregates(report),
        _limits(report),
    ]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}: {e(report.subject)}</title>
<style>{CSS}:root {{ --tone: {tone}; }}</style>
</head>
<body><main>
{"".join(body)}
<footer>Made by the offline verifier in {report.seconds:.1f} seconds. It used the files
alone: no database, and no code of the database. Anyone with the same files and the same
keys gets the same result.</footer>
</main></body>
</html>
"""


def _top(report: Report, title: str, tone: str) -> str:
    sentence = headline(report).partition(": ")[2]
    if sentence.split(" ")[0].isalpha():
        # The name of a file keeps its letters.
        sentence = sentence[:1].upper() + sentence[1:]
    return (
        f'<header class="top">{mark(report.verdict, tone)}<div>'
        f'<div class="eyebrow"><b>Verification</b> of {e(report.subject)}</div>'
        f"<h1>{title}</h1><p>{e(sentence)}.</p>"
        "</div></header>"
    )


def _facts(report: Report) -> str:
    own = report.own
    if own is None:
        return ""
    mine = own.checkpoint
    signers = ", ".join(own.signers) or own.trust
    facts = [
        ("Log", e(mine.name)),
        ("Identity", mono(mine.log_id)),
        ("Incarnation", e(mine.incarnation)),
        ("Signed by", e(signers)),
        ("Signed root", mono(mine.root.hex())),
    ]
    if report.root is not None and report.root != mine.root:
        facts.append(("Root of the leaves", mono(report.root.hex())))
    if report.event_id is not None:
        facts.append(("Event", mono(report.event_id)))
    if report.earlier is not None:
        facts.append(("Compared with", e(report.earlier)))
    facts += [
        (
            f"Incarnation {each.incarnation}",
            f"{e(each.reason)} "
            f'<span class="quiet">({e(each.begun_at)}, by {e(each.begun_by)}, at'
            f" {each.tree_size:,} events)</span>",
        )
        for each in report.incarnations
        if each.incarnation > 1
    ]
    facts += [("Note", e(note)) for note in report.notes]
    grid = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    numbers = [
        (f"{mine.size:,}", "events in the tree"),
        (f"{report.unsealed:,}", "unsealed events behind it"),
        (f"{report.aggregates:,}", "aggregates"),
        (f"{len(report.kept):,}", "checkpoints from outside"),
    ]
    cards = "".join(
        f'<div class="number"><b>{value}</b><span>{name}</span></div>'
        for value, name in (numbers if report.event_id is None else [])
    )
    return (
        f'<section><h2>The log</h2><dl class="facts">{grid}</dl>'
        f'<div class="numbers">{cards}</div></section>'
    )


def _limits(report: Report) -> str:
    did = "".join(f"<li>{e(each)}</li>" for each in checked(report))
    unknown = "".join(f"<li>{e(each)}</li>" for each in not_known(report))
    return (
        '<section class="columns"><div class="card"><h2>What was checked</h2>'
        f'<ul class="plain did">{did}</ul></div>'
        '<div class="card"><h2>What nobody can know from this</h2>'
        f'<ul class="plain not">{unknown}</ul></div></section>'
    )
