"""Print titles, query results and refusals of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from rich import markup
from rich.console import Console
from rich.table import Table

from pg_evident.verifier.text import plain

_NUMERIC = (20, 21, 23, 1700)


def escape(text: object) -> str:
    """Write any text as one visible line that is no markup."""
    return markup.escape(plain(text))


def say(console: Console, number: int, title: str) -> None:
    """Print the title of a step."""
    console.print(f"\n[bold]{number}  {escape(title)}[/bold]")


def note(console: Console, text: str) -> None:
    """Print a remark in between."""
    console.print(f"   [dim]{escape(text)}[/dim]")


def table(
    console: Console,
    connection: psycopg.Connection[Any],
    query: str,
    parameters: Sequence[Any] = (),
) -> list[tuple[Any, ...]]:
    """Print a query's rows and return them."""
    cursor = connection.execute(query.encode(), parameters)
    rows = cursor.fetchall()
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in cursor.description or ():
        justify: Any = "right" if column.type_code in _NUMERIC else "left"
        shown.add_column(escape(column.name), justify=justify, overflow="fold")
    for row in rows:
        shown.add_row(*(escape(value) for value in row))
    console.print(shown)
    return rows


def refused(
    console: Console,
    connection: psycopg.Connection[Any],
    query: str,
    parameters: Sequence[Any],
) -> None:
    """Run a statement that must be refused and print what a client learns."""
    shown = " ".join(query.split()) % tuple(_literal(each) for each in parameters)
    note(console, shown)
    try:
        connection.execute(query.encode(), parameters)
    except psycopg.Error as error:
        console.print(f"   [red]SQLSTATE {error.sqlstate}[/red]", end="  ")
        console.print(escape(error.diag.message_primary or ""))
        console.print(f"   detail   {escape(error.diag.message_detail or '')}")
        console.print(f"   hint     {escape(error.diag.message_hint or '')}")
        return
    raise AssertionError("the store took what it must refuse")


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int | float) else f"'{value}'"
