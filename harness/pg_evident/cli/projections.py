"""The commands for projections: work, rebuild, drift."""

from __future__ import annotations

from typing import Annotated

import typer

from pg_evident.cli.parts import Dsn, fail, fail_database, say
from pg_evident.cli.target import resolve_dsn
from pg_evident.failure import Failure

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Projections, named as their read models: schema.table."),
]


def work(
    dsn: Dsn = None,
    interval: Annotated[
        float,
        typer.Option(
            "--interval", min=0.01, max=60, help="Seconds between looks when idle."
        ),
    ] = 1.0,
    notify: Annotated[
        bool,
        typer.Option(
            "--notify", help="Send NOTIFY evident when the position has moved."
        ),
    ] = False,
    listen: Annotated[
        bool,
        typer.Option(
            "--listen",
            help="Wake up on NOTIFY evident. Not through a transaction-mode pooler.",
        ),
    ] = False,
    no_stamp: Annotated[
        bool,
        typer.Option("--no-stamp", help="Leave stamp_position to somebody else."),
    ] = False,
    seal_interval: Annotated[
        float,
        typer.Option(
            "--seal-interval", min=0.1, max=86400, help="Seconds between two seals."
        ),
    ] = 5.0,
    no_seal: Annotated[
        bool,
        typer.Option("--no-seal", help="Leave sealing the ledger to somebody else."),
    ] = False,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="End when all that is there now is folded and sealed."
        ),
    ] = False,
) -> None:
    """Fold events into all projections, stamp the position, seal; until SIGTERM.

    As many as you like can run at once. With --once the exit code is 1 when a
    projection failed or has parked keys, or the ledger cannot be sealed.
    """
    from pg_evident import installed
    from pg_evident.projections import worker
    from pg_evident.projections.steps import Work

    if notify and no_stamp:
        raise typer.BadParameter("--notify and --no-stamp exclude each other")
    target = resolve_dsn(dsn)
    installed.require_installed(target)
    given = Work(
        interval,
        None if no_seal else seal_interval,
        stamps=not no_stamp,
        notifies=notify,
        listens=listen,
        once=once,
    )
    if not worker.run(target, given, say):
        raise typer.Exit(1)


def rebuild(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All projections.")] = False,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel", min=1, max=64, help="Connections; 1 when not given."
        ),
    ] = None,
    slices: Annotated[
        int | None,
        typer.Option("--slices", min=1, max=1024, help="Slices for each projection."),
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Fold the log anew and repair read models, while they are in use.

    Without --slices there is one for each 250,000 events, or one alone where the
    projection is behind: that also catches up. A rebuild that was ended can be
    repeated at any time.
    """
    import psycopg

    from pg_evident.projections import rebuild as rebuilding

    if bool(names) == everything:
        raise typer.BadParameter("name projections, or give --all")
    target = resolve_dsn(dsn)
    try:
        is_well = rebuilding.run(target, names or None, parallel, slices, say)
    except psycopg.Error as error:
        fail_database(error, code=2 if error.sqlstate == "PT404" else 1)
    if not is_well:
        raise typer.Exit(1)


def drift(
    names: Names = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Each row as a line of JSON.")
    ] = False,
    dsn: Dsn = None,
) -> None:
    """Show where read models are not what their events fold to.

    Exit code 0 without drift, 1 with drift, 2 when that could not be told.
    """
    import psycopg

    from pg_evident.projections import drift as checking

    try:
        target = resolve_dsn(dsn)
        code = checking.run(target, names or None, as_json=as_json, report=say)
    except psycopg.Error as error:
        fail_database(error, code=2)
    except Failure as failure:
        fail(failure.message, hint=failure.hint, code=2)
    raise typer.Exit(code)
