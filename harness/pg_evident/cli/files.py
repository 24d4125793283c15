"""The commands import and relay: events out of files, and into them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pg_evident.cli.parts import Dsn, say
from pg_evident.cli.target import resolve_dsn
from pg_evident.verifier.text import plain


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="Newline-delimited JSON, - for standard input.",
        ),
    ],
    dsn: Dsn = None,
    orders: Annotated[
        bool,
        typer.Option(
            "--orders",
            help="CSV of orders: customer_id, ordered_on, quantity, amount_usd.",
        ),
    ] = False,
    batch: Annotated[
        int,
        typer.Option(
            min=1, max=1000, help="Events per transaction, one document each."
        ),
    ] = 500,
) -> None:
    """Append the events of a file; exit code 1 when lines were refused.

    Each line is {"aggregate_id", "type", "payload", "expected_version"?, "metadata"?,
    "event_id"?}. Running it again appends nothing; so does going on after an
    interruption, except for what was missing.
    """
    from pg_evident import installed
    from pg_evident.intake import progress

    if str(file) != "-" and not file.is_file():
        raise typer.BadParameter(plain(f"there is no file {file}"))
    target = resolve_dsn(dsn)
    installed.require_installed(target)
    tally = progress.import_file(target, file, orders=orders, batch_size=batch)
    if tally.refused:
        raise typer.Exit(1)


def relay(
    name: Annotated[str, typer.Argument(help="The consumer.")],
    dsn: Dsn = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Append to this file, each position exactly once."),
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option("--worker", help="Its name in consumer_status."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10000, help="Events in one claim.")
    ] = 1000,
    lease: Annotated[
        float,
        typer.Option("--lease", min=0.001, max=86400, help="Seconds for one claim."),
    ] = 30.0,
    partitions: Annotated[
        int | None,
        typer.Option(
            "--partitions", min=1, max=1024, help="Make the consumer with so many."
        ),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="Where a new consumer begins: start, now, an id."),
    ] = None,
    park_after: Annotated[
        int | None,
        typer.Option(
            "--park-after",
            min=1,
            help="Set an event aside when so many attempts at it alone failed.",
        ),
    ] = None,
    listen: Annotated[
        bool,
        typer.Option("--listen", help="Wake on NOTIFY; not through a pooler."),
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End when nothing is left.")
    ] = False,
) -> None:
    """Forward a consumer's events as lines of JSON, until SIGTERM.

    With --out the file has each position exactly once, also after kill -9 and a new
    start; a consumer with such a file has one relay. To standard output an event may
    come again after a restart: leave out each position that is not above the last
    one of its partition, or of its aggregate where the line has retried_after.
    """
    from pg_evident.relay import run as relays
    from pg_evident.relay.claims import Relay

    given = Relay(
        name,
        worker or relays.worker_name(out),
        limit,
        lease,
        partitions,
        begin=begin,
        park_after=park_after,
        listens=listen,
    )
    count = relays.run(resolve_dsn(dsn), given, out, once=once, report=say)
    say(f"{count} events")
