"""The commands up and down: the embedded server."""

from __future__ import annotations

from typing import Annotated

import typer

from pg_evident.cli.parts import say
from pg_evident.verifier.text import plain


def up(
    ephemeral: Annotated[
        bool,
        typer.Option("--ephemeral", help="A temporary server, until Ctrl-C."),
    ] = False,
) -> None:
    """Start the embedded PostgreSQL 18 and print its URI."""
    from pg_evident.server import kept, temporary

    if not ephemeral:
        print(plain(kept.start().uri))
        return
    import signal

    with temporary.ephemeral() as running:
        print(plain(running.uri), flush=True)
        say("a temporary server: Ctrl-C stops it and removes its data")
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


def down() -> None:
    """Stop the embedded PostgreSQL; its data stays."""
    from pg_evident.server import kept

    say("stopped" if kept.stop() else "was not running")
