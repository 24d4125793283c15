"""Which statements of the PL/pgSQL functions ran in the tests, and which never did.

`python -m report.coverage FOLDER` merges what pg_evident.workshop.profile wrote there,
prints a table and the statements that never ran, and writes coverage.json beside them.
Exit code 1 below LEAST, or where a statement never ran for no reason that is known.
Functions in SQL have no statements of their own, and are not counted.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

LEAST = 0.95
STANDBY = "on a standby, whose server is another: tests/store/test_standby.py"
# Why a statement never ran where it would be counted: by function and source.
REASONS = {
    ("evident.safe_position", "return coalesce((select s.position"): STANDBY,
    ("evident.seal", "raise exception using"): STANDBY,
}
# A block is where statements stand, and runs when they do.
UNCOUNTED = {"statement block"}


@dataclass
class Function:
    """One function as the migrations make it: its source, and how often what ran."""

    name: str
    source: str
    # By number of the statement: its line, what it is, how often it ran.
    statements: dict[int, tuple[int, str, int]]

    @property
    def ran(self) -> int:
        return sum(count > 0 for _, _, count in self.statements.values())

    def never(self) -> Iterator[tuple[int, str, str, str]]:
        """Give line, kind, source and the known reason of what never ran."""
        lines = self.source.splitlines()
        for line, kind, count in self.statements.values():
            if count == 0:
                text = lines[line - 1].strip()
                yield line, kind, text, reason(self.name, text)


def reason(name: str, text: str) -> str:
    known = (
        why
        for (function, start), why in REASONS.items()
        if name.startswith(f"{function}(") and text.startswith(start)
    )
    return next(known, "")


def merged(folder: Path) -> list[Function]:
    """Add the counts up, of functions with the source that most databases have.

    A function that few databases have is a test's own.
    """
    files = sorted(folder.glob("*.json"))
    found = [json.loads(file.read_text()) for file in files if len(file.stem) == 32]
    sources = Counter((name, source) for rows in found for name, source, _ in rows)
    original: dict[str, str] = {}
    for (name, source), _ in sources.most_common():
        original.setdefault(name, source)
    functions: dict[str, Function] = {}
    for rows in found:
        for name, source, statements in rows:
            # What a test has put in a function's place is not the function.
            is_common = 2 * sources[name, source] > len(found)
            if source == original[name] and is_common:
                add(functions, name, source, statements or [])
    return sorted(functions.values(), key=lambda each: each.name)


def add(
    functions: dict[str, Function], name: str, source: str, statements: list[Any]
) -> None:
    function = functions.setdefault(name, Function(name, source, {}))
    for number, line, kind, count in statements:
        if kind not in UNCOUNTED:
            before = function.statements.get(number, (line, kind, 0))[2]
            function.statements[number] = (line, kind, before + (count or 0))


def main(folder: Path) -> int:
    functions = [each for each in merged(folder) if each.statements]
    table = Table("function", "statements", "ran", "%")
    for each in functions:
        share = 100 * each.ran / len(each.statements)
        table.add_row(
            each.name, str(len(each.statements)), str(each.ran), f"{share:.0f}"
        )
    total = sum(len(each.statements) for each in functions)
    ran = sum(each.ran for each in functions)
    table.add_row("all", str(total), str(ran), f"{100 * ran / total:.1f}")
    console = Console(width=120)
    console.print(table)
    never = [(each.name, *what) for each in functions for what in each.never()]
    for name, line, kind, text, why in never:
        print(f"never ran: {name} line {line}, {kind}: {text}")
        print(f"    {why or 'for no reason that is known'}")
    document = {
        "statements": total,
        "ran": ran,
        "functions": {
            each.name: [len(each.statements), each.ran] for each in functions
        },
        "never ran": never,
    }
    (folder / "coverage.json").write_text(json.dumps(document, indent=1) + "\n")
    return int(ran < LEAST * total or not all(each[-1] for each in never))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
