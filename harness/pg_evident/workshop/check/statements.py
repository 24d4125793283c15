"""Check the statements of a migration as yoyo and PostgreSQL both see them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pglast import split
from pglast.parser import ParseError
from yoyo.migrations import read_sql_migration

from pg_evident.workshop.check.findings import Finding, finding
from pg_evident.workshop.statements import Statement, parse_statements

_PRINTS = frozenset({"ExecuteStmt", "ExplainStmt", "FetchStmt", "VariableShowStmt"})


def check_statements(
    root: Path, path: str, text: str, is_transactional: bool
) -> Iterator[Finding]:
    """Find statements that yoyo splits differently or whose rows it would print."""
    statements = parse_statements(path, text)
    yield from _check_split(root, path, statements)
    for each in statements:
        if _returns_rows(each.kind, each.node):
            message = "yoyo prints its rows; use do $do$ ... perform ... $do$"
            yield finding(path, each.line, "returns-rows", message)
    if not is_transactional and len(statements) != 1:
        message = f"{len(statements)} statements without a transaction; exactly one"
        yield finding(path, 1, "one-statement", message)


def _check_split(
    root: Path, path: str, statements: list[Statement]
) -> Iterator[Finding]:
    # The very function that yoyo uses, so its faults are found here and not there.
    _, _, pieces = read_sql_migration(str(root / path))
    wanted = iter(statements)
    for piece in pieces:
        try:
            parsed = split(piece)
        except ParseError:
            parsed = (piece,)
        # A comment after the last statement is a piece of its own; it does nothing.
        if not parsed:
            continue
        expected = next(wanted, None)
        if expected is None or parsed != (expected.text,):
            line = expected.line if expected else 1
            message = f"yoyo splits this file differently, from: {_start(piece)}"
            yield finding(path, line, "split", message)
            return
    if (left := next(wanted, None)) is not None:
        yield finding(path, left.line, "split", "yoyo does not see this statement")


def _start(piece: str) -> str:
    return next(iter(piece.strip().splitlines()), "")[:40]


def _returns_rows(kind: str, node: Any) -> bool:
    if kind == "SelectStmt":
        return node.intoClause is None
    return kind in _PRINTS or bool(getattr(node, "returningClause", None))
