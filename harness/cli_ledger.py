"""The commands for the ledger: seal, export, prove."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer

from harness.cli_parts import Dsn, say
from harness.database import resolve_dsn


def seal(
    max_events: Annotated[
        int,
        typer.Option("--max-events", min=1, help="Events in one transaction."),
    ] = 50_000,
    dsn: Dsn = None,
) -> None:
    """Seal all new events into the ledger, as evident work does every few seconds."""
    from harness import marks, progress
    from harness import seal as sealing

    target = resolve_dsn(dsn)
    marks.require_installed(target)
    with progress.leaves() as (begin, advance):
        done = sealing.run(target, max_events, begin=begin, advance=advance)
    root = base64.b64encode(done.root).decode()
    print(f"sealed {done.events:,} events, tree of {done.size:,} leaves, root {root}")


def export(
    directory: Annotated[
        Path, typer.Argument(help="A new directory, or one of an earlier export.")
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            help="A signed checkpoint of this log; default: the newest published one.",
        ),
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Write the sealed log into a directory that evident verify can check offline.

    A static tlog-tiles log with the events beside it. Exporting again, or after an
    interruption, goes on where the last run ended.
    """
    from harness import export as exporting
    from harness import marks, progress

    target = resolve_dsn(dsn)
    marks.require_installed(target)
    with progress.leaves() as (begin, advance):
        done = exporting.run(
            target, directory, checkpoint, begin=begin, advance=advance
        )
    say(f"{directory}: {done.size:,} leaves of {done.origin}")
