"""The commands migrate, rollback and status."""

from __future__ import annotations

from typing import Annotated

import typer

from pg_evident.cli.parts import Dsn, fail, print_ids, say
from pg_evident.cli.target import is_given, resolve_dsn

BreakLock = Annotated[
    bool,
    typer.Option(
        "--break-lock", help="First remove the lock that a killed run has left."
    ),
]


def migrate(
    dsn: Dsn = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Also the example read models.")
    ] = False,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark",
            help="Run nothing: make yoyo's marks agree with evident.version().",
        ),
    ] = False,
    embedded: Annotated[
        bool,
        typer.Option("--embedded", help="On the embedded server of `evident up`."),
    ] = False,
    break_lock: BreakLock = False,
) -> None:
    """Apply pending migrations and print their ids; stderr says on which server."""
    from pg_evident.migrate import fingerprint
    from pg_evident.migrate import run as migrations

    target = _chosen(dsn, embedded=embedded)
    say(migrations.where(target))
    if mark:
        done = migrations.mark(target, break_lock=break_lock)
    else:
        done = migrations.migrate(target, examples, break_lock=break_lock, report=say)
    print_ids(done, nothing="nothing to do: the database is up to date")
    if complaint := fingerprint.complaint(target):
        say(complaint)


def _chosen(dsn: str | None, *, embedded: bool) -> str:
    """Find the database, but begin no server of one's own for a forgotten --dsn."""
    from pg_evident.server import kept

    if embedded:
        if dsn:
            raise typer.BadParameter("--embedded and --dsn exclude each other")
        return kept.start().uri
    if not is_given(dsn) and not kept.exists():
        fail(
            "no database is given, and there is no embedded server yet",
            hint="give --dsn or DATABASE_URL, or --embedded for a PostgreSQL of your"
            " own on this machine",
            code=2,
        )
    return resolve_dsn(dsn)


def rollback(
    dsn: Dsn = None,
    to: Annotated[
        str | None,
        typer.Option("--to", help="The id that shall be the newest to stay."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Roll back every migration.")
    ] = False,
    break_lock: BreakLock = False,
) -> None:
    """Roll back the newest applied migration and print its id."""
    from pg_evident.migrate import run as migrations

    if to and everything:
        raise typer.BadParameter("--to and --all exclude each other")
    target = resolve_dsn(dsn)
    say(migrations.where(target))
    done = migrations.rollback(
        target, to, everything=everything, break_lock=break_lock, report=say
    )
    print_ids(done, nothing="nothing to roll back")


def status(dsn: Dsn = None) -> None:
    """Show server, version, migrations, feed, ledger and size."""
    from pg_evident.migrate import status as report

    report.show(resolve_dsn(dsn))
