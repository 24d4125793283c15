"""What the commands share: the option --dsn, and how errors are shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pg_evident.verifier.text import plain

if TYPE_CHECKING:
    from psycopg import Error

# Characters of a line: file names are long, and hints say what to do.
LONGEST = 2000

Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        help="Any libpq URI or keywords. Default: DATABASE_URL, else the embedded"
        " server of `evident up`.",
        show_default=False,
    ),
]


def group(about: str) -> typer.Typer:
    """Make a group of commands: plain help, no completion, tracebacks as they are."""
    return typer.Typer(
        help=about,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def say(text: str) -> None:
    """Write a line to stderr, of visible characters only, whatever is in it."""
    print(plain(text, LONGEST), file=sys.stderr, flush=True)


def fail(
    message: str, *, detail: str | None = None, hint: str | None = None, code: int = 1
) -> NoReturn:
    """Show an error as one paragraph, and exit."""
    say(f"error: {message}")
    if detail:
        say(f"detail: {detail}")
    if hint:
        say(f"hint: {hint}")
    raise SystemExit(code)


def fail_database(error: Error, *, code: int = 1) -> NoReturn:
    """Show what the server said, and exit."""
    from pg_evident.access.denials import hint_of

    state = f"{error.sqlstate}: " if error.sqlstate else ""
    message = error.diag.message_primary or str(error).strip()
    fail(
        state + message,
        detail=error.diag.message_detail,
        hint=hint_of(error),
        code=code,
    )


def print_ids(ids: list[str], *, nothing: str) -> None:
    for each in ids:
        print(plain(each))
    if not ids:
        say(nothing)
