"""Parse SQL text with PostgreSQL's own parser into located statements."""

from dataclasses import dataclass
from typing import Any

from pglast import parse_sql, split
from pglast.parser import ParseError

from pg_evident.workshop.layout import FreezeError


@dataclass(frozen=True)
class Statement:
    """Hold one statement: its syntax tree, its text and its line, from 1."""

    node: Any
    text: str
    line: int

    @property
    def kind(self) -> str:
        """Give the name of the syntax tree's class."""
        return type(self.node).__name__


def parse_statements(path: str, text: str, first_line: int = 1) -> list[Statement]:
    """Parse text whose first line has the given number, or raise FreezeError."""
    try:
        nodes = parse_sql(text)
        slices = split(text, only_slices=True)
    except ParseError as error:
        message, *position = error.args
        offset = position[0] if position else 0
        line = first_line + text.count("\n", 0, offset)
        raise FreezeError(path, line, str(message)) from error
    return [
        Statement(raw.stmt, text[part], first_line + text.count("\n", 0, part.start))
        for raw, part in zip(nodes, slices, strict=True)
    ]
