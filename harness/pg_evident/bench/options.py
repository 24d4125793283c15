"""The options of `evident bench …`, each told once; a verb takes some of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from pg_evident.server.programs import EMBEDDED_MAJOR


class Numbers(tuple[int, ...]):
    """Numbers from 1, as `1,4,16` tells them."""

    def __str__(self) -> str:
        """Return them as they are written on the command line."""
        return ",".join(str(number) for number in self)


def numbers(text: str) -> Numbers:
    """Read numbers from 1, separated by commas."""
    try:
        found = Numbers(int(word) for word in str(text).split(","))
    except ValueError:
        found = Numbers()
    if not found or min(found) < 1:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 1,4,16")
    return found


class Settings(tuple[tuple[str, str], ...]):
    """Settings of a server, as `shared_buffers=4GB,wal_compression=on` tells them."""

    def __str__(self) -> str:
        """Return them as they are written on the command line."""
        return ",".join(f"{name}={value}" for name, value in self)


def setting(text: str) -> Settings:
    """Read settings, separated by commas."""
    found = []
    for word in filter(None, str(text).split(",")):
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{word!r} is not a setting such as jit=off")
        found.append((name.strip(), value.strip()))
    return Settings(found)


@dataclass(frozen=True)
class Options:
    """What a verb was asked for; what it does not take has the value of here.

    To add an option: a field here, and its default with each verb that takes it.
    """

    rounds: Annotated[int, typer.Option(min=1, help="Runs of each candidate.")] = 1
    seconds: Annotated[int, typer.Option(min=1, help="Length of a run.")] = 0
    clients: Annotated[
        int, typer.Option(min=1, help="Connections that work at once.")
    ] = 1
    connections: Annotated[
        Numbers,
        typer.Option(
            parser=numbers, metavar="N,N,...", help="Numbers of connections to compare."
        ),
    ] = Numbers((1,))  # noqa: RUF009
    events: Annotated[
        int, typer.Option(min=1, help="Events in the table before a run.")
    ] = 1
    sizes: Annotated[
        Numbers,
        typer.Option(
            parser=numbers,
            metavar="N,N,...",
            help="Events in the stores to compare, the reference first.",
        ),
    ] = Numbers((1,))  # noqa: RUF009
    payloads: Annotated[
        Numbers,
        typer.Option(
            "--payload",
            parser=numbers,
            metavar="N,N,...",
            help="Bytes of JSON in an event, to compare.",
        ),
    ] = Numbers((1,))  # noqa: RUF009
    per_call: Annotated[
        Numbers,
        typer.Option(
            parser=numbers, metavar="N,N,...", help="Events per call, to compare."
        ),
    ] = Numbers((1,))  # noqa: RUF009
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="NAME,NAME,...",
            help="Some of raw, article, evident, message-db, emmett, eventsourcing,"
            " dcb; raw and evident are always there.",
            show_default=False,
        ),
    ] = None
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            help="Where the others' packages are kept. Default: the user's cache.",
            file_okay=False,
            show_default=False,
        ),
    ] = None
    # Those below are taken by all.
    calm: Annotated[
        int,
        typer.Option(
            min=1,
            max=100,
            help="Wait for, and repeat, runs in which other programs take more than"
            " this percentage of the processors.",
        ),
    ] = 100
    pg: Annotated[
        int,
        typer.Option("--pg", help="Major version: 18 embedded, others of the system."),
    ] = EMBEDDED_MAJOR
    set: Annotated[
        Settings,
        typer.Option(
            "--set",
            parser=setting,
            metavar="NAME=VALUE,...",
            help="Settings of the server. Default: PostgreSQL's own.",
            show_default=False,
        ),
    ] = Settings()  # noqa: RUF009
    match: Annotated[
        str,
        typer.Option(
            "--match",
            metavar="TEXT",
            help="Only the workloads whose title contains this.",
            show_default=False,
        ),
    ] = ""
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Where the server's data goes. Default: the temporary directory.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None
    json: Annotated[
        Path | None,
        typer.Option(
            "--json", help="Also write all figures here.", dir_okay=False, writable=True
        ),
    ] = None
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Judge by the budgets; exit code 1 when one is missed."
        ),
    ] = False
    plots: Annotated[
        Path | None,
        typer.Option(
            "--plots", help="Also draw into this folder, SVG and PNG.", file_okay=False
        ),
    ] = None


SHARED = ("calm", "pg", "set", "match", "data", "json", "check", "plots")


def option_types() -> dict[str, Any]:
    """Return the options' annotated types by name, in the order of the help."""
    hints = get_type_hints(Options, include_extras=True)
    return {field.name: hints[field.name] for field in fields(Options)}


def default(name: str) -> Any:
    """Return the value of an option that a verb does not take."""
    return next(field.default for field in fields(Options) if field.name == name)
