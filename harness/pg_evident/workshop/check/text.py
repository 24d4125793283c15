"""Check SQL files as text: bytes, blanks and columns."""

import re
from collections.abc import Iterator
from pathlib import Path

from pg_evident.workshop.check.findings import Finding, finding
from pg_evident.workshop.layout import EXAMPLES, FUNCTIONS, MIGRATIONS, PROJECTIONS
from pg_evident.workshop.regions import find_region
from pg_evident.workshop.sources import Migration, Tree, source_files, sql_files

MAX_COLUMNS = 88

_BLANKS = (
    ("line-end", re.compile(rb"\r"), "carriage return; lines end in LF alone"),
    ("tab", re.compile(rb"\t"), "tab; indent with 4 spaces"),
    ("trailing-blank", re.compile(rb"[ \t]+\r?$"), "trailing blank"),
)


def check_bytes(root: Path) -> Iterator[Finding]:
    """Find bytes that are not ASCII, and blanks that do not belong."""
    paths = [*sql_files(root, MIGRATIONS), *sql_files(root, EXAMPLES)]
    paths += source_files(root, FUNCTIONS) + source_files(root, PROJECTIONS)
    for path in paths:
        data = (root / path).read_bytes()
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.isascii():
                yield finding(path, number, "ascii", "has a byte beyond ASCII")
            for rule, pattern, message in _BLANKS:
                if pattern.search(line):
                    yield finding(path, number, rule, message)
        if not data.endswith(b"\n"):
            last = data.count(b"\n") + 1
            yield finding(path, last, "final-newline", "no line end at the end")


def check_backslashes(tree: Tree) -> Iterator[Finding]:
    """Find backslashes in sources: what one means depends on a setting of the session.

    A body in PL/pgSQL is parsed under the settings of whoever calls it first.
    """
    for path, text in tree.sources.items():
        for number, line in enumerate(text.split("\n"), start=1):
            if "\\" in line and not line.lstrip().startswith("--"):
                message = "a backslash, which standard_conforming_strings may change"
                yield finding(path, number, "backslash", message)


def check_source_columns(tree: Tree) -> Iterator[Finding]:
    """Find lines of sources that are too long."""
    for path, text in tree.sources.items():
        yield from _long_lines(path, text, set())


def check_migration_columns(
    migration: Migration, rollback: str | None
) -> Iterator[Finding]:
    """Find lines that an author wrote too long; frozen and generated ones may be."""
    frozen = {
        number
        for mark in migration.blocks
        for number in range(mark.line, mark.end_line + 1)
    }
    yield from _long_lines(migration.path, migration.text, frozen)
    if rollback is not None:
        path = migration.rollback_path
        begin, end = find_region(path, rollback) or (0, 0)
        yield from _long_lines(path, rollback, set(range(begin, end + 1)))


def _long_lines(path: str, text: str, exempt: set[int]) -> Iterator[Finding]:
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_COLUMNS and number not in exempt:
            message = f"{len(line)} columns; at most {MAX_COLUMNS}"
            yield finding(path, number, "columns", message)
