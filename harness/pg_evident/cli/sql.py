"""The commands `evident sql …`: the SQL that the package carries, for psql alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pg_evident.cli.parts import fail, group, say

app = group("Print the SQL that this package carries, for psql alone.")

Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Write into this file instead.", dir_okay=False, writable=True
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace a file that is there already.")
]


@app.command()
def install(out: Out = None, force: Force = False) -> None:
    """Print the script that installs the engine.

    evident sql install | psql -X -v ON_ERROR_STOP=1 -1 -f -
    """
    from pg_evident.places import INSTALL

    _give(INSTALL.read_bytes(), out, force=force)


@app.command()
def uninstall(out: Out = None, force: Force = False) -> None:
    """Print the script that removes the engine; it refuses while there are events."""
    from pg_evident.places import UNINSTALL

    _give(UNINSTALL.read_bytes(), out, force=force)


@app.command()
def migrations(
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="VERSION",
            help="Only what comes after this, such as evident.version() returns.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write a file for each into this folder.", file_okay=False
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Print the engine's migrations, each as a script of one transaction.

    Each refuses a store that is at another version than the one before it. Without
    --out all of them come as one text, which psql -1 -f - runs in one transaction.
    """
    from pg_evident.migrate import upgrades

    texts = upgrades.scripts(begin)
    if not texts:
        say(f"nothing to do: {begin} is the newest migration of this package")
    if out is None:
        _write("\n".join(texts.values()).encode("ascii"))
        return
    out.mkdir(parents=True, exist_ok=True)
    taken = [name for name in texts if (out / name).exists()]
    if taken and not force:
        fail(f"{out / taken[0]} is there already", hint="--force replaces it")
    for name, text in texts.items():
        (out / name).write_bytes(text.encode("ascii"))
        say(f"wrote {out / name}")


def _give(data: bytes, out: Path | None, *, force: bool) -> None:
    if out is None:
        _write(data)
        return
    try:
        with out.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError:
        fail(f"{out} is there already", hint="--force replaces it")
    say(f"wrote {out}")


def _write(data: bytes) -> None:
    """Write bytes to stdout: a script is for a program, and is ASCII."""
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
