"""The commands freeze, check and reference, for contributors."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from pg_evident import places
from pg_evident.cli.parts import Dsn, fail, print_ids
from pg_evident.cli.target import resolve_dsn
from pg_evident.failure import Failure
from pg_evident.verifier.text import plain

# Characters: a line of the reference is a row of a table.
LONGEST_LINE = 100_000


def _clone() -> Path:
    """Return the folder of the clone; raises Failure where its tools are missing too.

    Before anything of the workshop is imported, which needs them.
    """
    root = places.clone()
    if importlib.util.find_spec("pglast") is None:
        raise Failure(
            "this command needs PostgreSQL's parser, which is not installed",
            "pip install -e '.[dev]'",
        )
    return root


def freeze() -> None:
    """Paste sources into migrations, write checksums and install scripts."""
    root = _clone()
    from pg_evident.workshop.freeze import FreezeError
    from pg_evident.workshop.freeze import freeze as run

    try:
        written = run(root)
    except FreezeError as error:
        fail(str(error))
    print_ids(
        [str(path.relative_to(root)) for path in written],
        nothing="nothing to do: all is frozen",
    )


def check() -> None:
    """Check migrations and sources without a server."""
    root = _clone()
    from pg_evident.workshop.check.run import check as run

    findings = run(root)
    for each in findings:
        print(plain(f"{each.path}:{each.line}: {each.rule}: {each.message}"))
    if findings:
        raise typer.Exit(1)


def reference(
    dsn: Dsn = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Markdown file whose reference is to be replaced."),
    ] = None,
) -> None:
    """Print the API reference from the comments in the database."""
    places.clone()
    from pg_evident import installed
    from pg_evident.workshop.reference import paste_into, render

    target = resolve_dsn(dsn)
    installed.require_installed(target)
    if into is None:
        for line in render(target).splitlines():
            print(plain(line, LONGEST_LINE))
    else:
        paste_into(into, render(target))
