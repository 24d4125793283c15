"""Where the statements of a PL/pgSQL function begin, and a call before each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pglast import parse_plpgsql

# An assertion, which leaves FOUND and ROW_COUNT to the statement after it as they are.
CALL = "assert trust_trap.reached("
STATEMENT = "PLpgSQL_stmt_"
# What can stand before a statement on its line; a call in front of it has no place.
BEFORE = {"else", "elsif", "when", "then", "declare", "exception"}
# Of the types that functions name; what is made for a read model names its table.
SCHEMAS = "evident|races|shop"


def instrumented(definition: str, source: str, first: int) -> tuple[str, int]:
    """Put a call before each statement of a function; give it, and how many.

    `definition` is what pg_get_functiondef gave, `source` its body; each call has a
    number, from `first` on. Raises ValueError for a statement that does not begin its
    line.
    """
    places = sorted(set(statement_lines(definition)))
    lines = source.split("\n")
    for statement, number in enumerate(places, first):
        line = lines[number - 1]
        text = line.lstrip()
        if not text or text.split()[0].lower() in BEFORE:
            raise ValueError(f"a statement within line {number}: {line}")
        lines[number - 1] = f"{line[: len(line) - len(text)]}{CALL}{statement}); {text}"
    changed = definition.replace(source, "\n".join(lines))
    added = sum(1 for _ in statement_lines(changed, "PLpgSQL_stmt_assert"))
    if added != len(places):
        raise ValueError(f"{added} of {len(places)} calls came in: {definition}")
    return changed, len(places)


def statement_lines(definition: str, kind: str = STATEMENT) -> Iterator[int]:
    """Give the line of each statement of the body, but not of blocks around them.

    An end without `return` has a statement of its own, on no line.
    """
    # The parser has no catalog: it takes types of public for rows, but no arrays of it.
    known = re.sub(rf"\b({SCHEMAS})\.\w+\[\]", "text[]", definition)
    known = re.sub(rf"\b({SCHEMAS})\.", "public.", known)
    tree = parse_plpgsql(known)
    for each in tree:
        yield from _lines(each["PLpgSQL_function"]["action"], kind)


def _lines(node: Any, kind: str) -> Iterator[int]:
    if isinstance(node, list):
        for each in node:
            yield from _lines(each, kind)
    elif isinstance(node, dict):
        for name, value in node.items():
            is_meant = name.startswith(kind) and name != "PLpgSQL_stmt_block"
            if is_meant and value.get("lineno"):
                yield value["lineno"]
            yield from _lines(value, kind)
