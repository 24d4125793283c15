"""Read which migration a copy of sql/functions/core/version.sql names."""

import re

from pg_evident.workshop.layout import VERSION, FreezeError
from pg_evident.workshop.sources import Migration, Tree
from pg_evident.workshop.statements import parse_statements

_STEM = re.compile(r"'(\d{4}_\w+)'")


def stated_stem(path: str, text: str, first_line: int = 1) -> str | None:
    """Give the one migration id that the function returns, None if it is not one."""
    found = {
        stem
        for statement in parse_statements(path, text, first_line)
        if statement.kind == "CreateFunctionStmt"
        for stem in _STEM.findall(statement.text)
    }
    return found.pop() if len(found) == 1 else None


def newest_versioned(tree: Tree) -> Migration | None:
    """Find the last engine migration that can carry a version block.

    One outside a transaction cannot: it holds a single statement.
    """
    return next((m for m in reversed(tree.engine) if m.is_transactional), None)


def version_text(tree: Tree, migration: Migration) -> str:
    """Give the version source as this migration freezes it, or raise FreezeError.

    The newest migration takes it verbatim, so the source must name it. An older one
    that asks for it late takes it with its own id, the only text it may hold.
    """
    text = tree.sources[VERSION]
    stated = stated_stem(VERSION, text)
    if stated is None:
        raise FreezeError(VERSION, 1, "the function must return one migration's id")
    if migration != newest_versioned(tree):
        return re.sub(rf"\b{stated}\b", migration.stem, text)
    if stated != migration.stem:
        message = f"states {stated}, but the newest migration is {migration.stem}"
        raise FreezeError(VERSION, 1, message)
    return text
