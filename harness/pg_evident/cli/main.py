"""The command `evident`: data on stdout, everything else on stderr.

Exit codes: 0 done, 1 refused or failed, 2 not understood. Every command imports what
it needs itself, so that `evident --help` is quick.
"""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from pg_evident.cli import (
    files,
    ledger,
    migrations,
    projections,
    server,
    sql,
    workshop,
)
from pg_evident.cli.parts import Dsn, fail, fail_database, group
from pg_evident.cli.target import resolve_dsn
from pg_evident.failure import Failure
from pg_evident.verifier.text import plain

app = group("The tamper-evident event store that is just PostgreSQL.")

# A URI, maybe the value of an option behind its =; a login and password before a host;
# keywords.
_DSN = re.compile(
    r"(^|=)\W*postgres\w*(\+\w+)?:|//[^/\s]*@|(^|=)[^\s/:@=]+:[^\s@]*@|password\s*=",
    re.IGNORECASE,
)


def main() -> None:
    """Run the command line; errors are shown as one paragraph, never a traceback."""
    _refuse_stray_dsn(sys.argv[1:])
    try:
        app()
    except Failure as failure:
        fail(failure.message, hint=failure.hint)
    except BrokenPipeError:
        # The reader of our output, such as head, has gone. Nothing to add.
        sys.stderr.close()
        raise SystemExit(1) from None
    except Exception as error:
        # Not imported for this: without psycopg in use there is none of its errors.
        psycopg = sys.modules.get("psycopg")
        if psycopg is None or not isinstance(error, psycopg.Error):
            raise
        fail_database(error)


def _refuse_stray_dsn(words: list[str]) -> None:
    """Refuse a URI in the wrong place before anything repeats it in an error."""
    takes_dsn = words[:1] != ["verify"]
    for before, word in zip(["", *words], words, strict=False):
        if takes_dsn and (before == "--dsn" or word.startswith("--dsn=")):
            continue
        if _DSN.search(word):
            fail("a connection string is given with --dsn or DATABASE_URL", code=2)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    from pg_evident import __version__, places

    places.require_migrations()
    newest = places.migration_files(places.ENGINE)[-1].stem
    print(
        plain(f"evident {__version__ or '(not installed)'} (migrations up to {newest})")
    )
    raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and the newest migration that it carries.",
        ),
    ] = False,
) -> None:
    """The tamper-evident event store that is just PostgreSQL."""


def demo(
    dsn: Dsn = None,
    parts: Annotated[
        int,
        typer.Option(
            "--parts",
            min=1,
            max=3,
            help="How many: 1 the store, 2 also the projections, 3 also the ledger.",
        ),
    ] = 3,
) -> None:
    """Put real orders in and show what the store makes of them."""
    from pg_evident.demo import tour

    tour.run(resolve_dsn(dsn), parts)


app.command()(server.up)
app.command()(server.down)
app.command()(migrations.migrate)
app.command()(migrations.rollback)
app.command()(migrations.status)
app.command()(demo)
app.command("import")(files.import_file)
app.command()(files.relay)
app.command()(projections.work)
app.command()(projections.rebuild)
app.command()(projections.drift)
app.command()(ledger.seal)
app.command()(ledger.export)
app.command()(ledger.prove)
app.command()(ledger.keygen)
app.command()(ledger.publish)
app.add_typer(sql.app, name="sql")
app.command()(workshop.freeze)
app.command()(workshop.check)
app.command()(workshop.reference)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def bench(context: typer.Context) -> None:
    """Measure; see `evident bench --help`."""
    from pg_evident.bench.cli import app as benchmarks

    benchmarks(args=context.args, prog_name="evident bench")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def verify(context: typer.Context) -> None:
    """Verify an export or a proof offline; see `evident verify --help`."""
    from pg_evident.verifier.main import main as verifier

    raise typer.Exit(verifier(context.args, prog="evident verify"))
