"""Consoles for tables and lines in which everything is text, whatever it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from pg_evident.verifier.text import plain

# Characters of a line: of a status, the values of a whole row.
LONGEST = 2000

if TYPE_CHECKING:
    import psycopg


class _PlainConsole(Console):
    """A console on which a string is one line of visible characters, never markup."""

    def render_str(self, text: str, **given: Any) -> Text:
        given |= {"markup": False, "emoji": False}
        return super().render_str(plain(text, LONGEST), **given)


def console(*, stderr: bool = False) -> Console:
    """Make a console for text that comes from databases, files and events."""
    return _PlainConsole(
        stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False
    )


def said(error: psycopg.Error) -> str:
    """Write what a server or libpq said as one line: SQLSTATE and message."""
    state = f"{error.sqlstate}: " if error.sqlstate else ""
    return plain(state + (error.diag.message_primary or str(error).strip()))
