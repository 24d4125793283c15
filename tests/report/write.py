"""Write the trust report: python -m report.write RUN.json ... [--into FOLDER]

Reads what pytest runs wrote with --trust-report, prints a table, writes
trust-report.md and trust-report.html, and exits with 1 unless every promise is kept
and no newest run on a major was broken off.
Of a test that ran again the newest run counts, and the report says so.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from report.html import html
from report.markdown import markdown
from report.setting import setting_of
from report.verdict import KEPT, Verdict, is_green, latest, summary, verdicts
from report.words import figures_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN.json")
    parser.add_argument("--into", type=Path, default=Path(), metavar="FOLDER")
    given = parser.parse_args()
    documents = [json.loads(each.read_text(encoding="utf-8")) for each in given.runs]
    evidence, again = latest(documents)
    rows = verdicts(evidence)
    setting = setting_of(documents, again)
    for name, text in (("md", markdown(rows, setting)), ("html", html(rows, setting))):
        (given.into / f"trust-report.{name}").write_text(text, encoding="utf-8")
    show(rows)
    if setting.unfinished:
        print("broken off: make trust-again runs what was not reached")
    raise SystemExit(not is_green(rows) or bool(setting.unfinished))


def show(rows: list[Verdict]) -> None:
    """Print the table for a terminal."""
    table = Table(title="What we promise, and what the checks say", show_lines=True)
    for name in ("", "promise", "result", "figures", "broken variants caught"):
        table.add_column(name)
    for row in rows:
        colour = "green" if row.result == KEPT else "bold red"
        table.add_row(
            str(row.promise.number),
            row.promise.text,
            f"[{colour}]{row.result}[/]",
            figures_of(row),
            ", ".join(row.caught),
        )
    Console().print(table)
    print(summary(rows))


if __name__ == "__main__":
    main()
