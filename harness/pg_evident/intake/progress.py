"""Show progress: of an import, with a report of what was left out; of leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
)

from pg_evident import showing
from pg_evident.intake.importer import Tally, import_lines
from pg_evident.intake.ndjson import Refusal, read_lines
from pg_evident.intake.orders import read_orders


def import_file(
    dsn: str, file: Path, *, orders: bool, batch_size: int, quiet: bool = False
) -> Tally:
    """Append the events of an NDJSON file, `-` for standard input, or of an orders CSV.

    Progress, refused lines and, unless quiet, the summary go to stderr, the summary
    also when Ctrl-C or an error ends the import early. Returns the counts.
    """
    output = showing.console(stderr=True)
    tally = Tally()
    stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    total = file.stat().st_size if file.is_file() else None
    bar = Progress(
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=output,
        disable=not output.is_terminal,
        transient=True,
    )
    try:
        with stream, bar:
            task = bar.add_task("", total=total)

            def advance(count: int) -> None:
                bar.advance(task, count)

            import_lines(
                dsn,
                read_orders(_text(stream, advance))
                if orders
                else read_lines(stream, advance),
                refuse=lambda refusal: output.print(describe(refusal)),
                note=output.print,
                batch_size=batch_size,
                tally=tally,
            )
    finally:
        if not quiet:
            output.print(summary(tally))
    return tally


def describe(refusal: Refusal) -> str:
    """Write one left-out line as `line 7: PT400: reason (hint)`."""
    state = f"{refusal.sqlstate}: " if refusal.sqlstate else ""
    hint = f" ({refusal.hint})" if refusal.hint else ""
    return f"line {refusal.number}: {state}{refusal.reason}{hint}"


def summary(tally: Tally) -> str:
    """Write the counts of an import in one line."""
    return (
        f"{tally.lines:,} events in {tally.seconds:.1f} s"
        f" ({tally.events_per_second:,.0f}/s): {tally.appended:,} appended,"
        f" {tally.already_there:,} already there, {tally.refused:,} refused"
    )


def _text(stream: BinaryIO, advance: Callable[[int], None]) -> Iterator[str]:
    """Decode CSV by line; bytes that are not UTF-8 stay, for the database to refuse."""
    for number, raw in enumerate(stream):
        advance(len(raw))
        codec = "utf-8-sig" if number == 0 else "utf-8"
        yield raw.decode(codec, errors="surrogateescape")
