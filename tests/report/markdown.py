"""The trust report as Markdown: one table, then each promise with its tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from report.setting import Setting
from report.verdict import KEPT, Verdict, cases, summary
from report.words import figures_of, said, tests_of, told


def markdown(rows: Sequence[Verdict], setting: Setting) -> str:
    """Give the whole report."""
    return "\n".join(_lines(rows, setting)) + "\n"


def _lines(rows: Sequence[Verdict], setting: Setting) -> Iterator[str]:
    yield "# Trust report"
    yield ""
    yield f"{summary(rows)}."
    yield "A promise counts as kept when all its tests pass, and when the same checks"
    yield "find the fault in deliberately broken variants. `make trust` makes this"
    yield "report at full size; the bounded size is what `make test` runs."
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, value in setting.lines():
        yield f"| {name} | {value} |"
    yield ""
    yield from _table(rows)
    for row in rows:
        yield from _details(row)


def _table(rows: Sequence[Verdict]) -> Iterator[str]:
    head = ["", "promise", "passes when", "result", "tests", "figures"]
    head += ["broken variants caught", "s"]
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        promise = row.promise
        cells = [str(promise.number), promise.text, promise.passes]
        cells += [row.result if row.result == KEPT else f"**{row.result}**"]
        cells += [tests_of(row), figures_of(row), ", ".join(row.caught) or "-"]
        yield f"| {' | '.join([*cells, f'{row.seconds:.0f}'])} |"
    yield ""


def _details(row: Verdict) -> Iterator[str]:
    yield f"## {row.promise.number}. {row.promise.text}"
    yield ""
    for group in cases([*row.tests, *row.twins]):
        yield f"- {told(group)}"
        if line := said(group):
            yield f"  - the check said: `{line.replace('`', '')}`"
    yield ""
