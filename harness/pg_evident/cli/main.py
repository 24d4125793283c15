"""The command `evident`: data on stdout, everything else on stderr.

Exit codes: 0 done, 1 refused or failed, 2 not understood. Every command imports what
it needs itself, so that `evident --help` is quick.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from pg_evident.cli import ledger as cli_ledger
from pg_evident.cli import projections as cli_projections
from pg_evident.cli.parts import Dsn, fail, fail_database, say
from pg_evident.database import Failure, is_given, resolve_dsn
from pg_evident.verifier.text import plain

ROOT = Path(__file__).resolve().parents[3]

# Characters: a line of the reference is a row of a table.
LONGEST_LINE = 100_000

app = typer.Typer(
    help="The tamper-evident event store that is just PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

BreakLock = Annotated[
    bool,
    typer.Option(
        "--break-lock", help="First remove the lock that a killed run has left."
    ),
]


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


@app.command()
def up(
    ephemeral: Annotated[
        bool,
        typer.Option("--ephemeral", help="A temporary server, until Ctrl-C."),
    ] = False,
) -> None:
    """Start the embedded PostgreSQL 18 and print its URI."""
    from pg_evident.server import kept as server

    if not ephemeral:
        print(plain(server.start().uri))
        return
    import signal

    with server.ephemeral() as temporary:
        print(plain(temporary.uri), flush=True)
        say("a temporary server: Ctrl-C stops it and removes its data")
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


@app.command()
def down() -> None:
    """Stop the embedded PostgreSQL; its data stays."""
    from pg_evident.server import kept as server

    say("stopped" if server.stop() else "was not running")


@app.command()
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
    from pg_evident.migrate import run as migrations

    target = _chosen(dsn, embedded=embedded)
    say(migrations.where(target))
    if mark:
        done = migrations.mark(target, break_lock=break_lock)
    else:
        done = migrations.migrate(target, examples, break_lock=break_lock, report=say)
    _print_ids(done, nothing="nothing to do: the database is up to date")


def _chosen(dsn: str | None, *, embedded: bool) -> str:
    """Find the database, but begin no server of one's own for a forgotten --dsn."""
    from pg_evident.server import kept as server

    if embedded:
        if dsn:
            raise typer.BadParameter("--embedded and --dsn exclude each other")
        return server.start().uri
    if not is_given(dsn) and not server.exists():
        fail(
            "no database is given, and there is no embedded server yet",
            hint="give --dsn or DATABASE_URL, or --embedded for a PostgreSQL of your"
            " own on this machine",
            code=2,
        )
    return resolve_dsn(dsn)


@app.command()
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
    _print_ids(done, nothing="nothing to roll back")


@app.command()
def status(dsn: Dsn = None) -> None:
    """Show server, version, migrations, feed, ledger and size."""
    from pg_evident.migrate import status as report

    report.show(resolve_dsn(dsn))


@app.command()
def demo(dsn: Dsn = None) -> None:
    """Put real orders in and show what the store makes of them."""
    from pg_evident.demo import tour

    tour.run(resolve_dsn(dsn))


@app.command("import")
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
    from pg_evident.intake import progress
    from pg_evident.migrate import marks

    if str(file) != "-" and not file.is_file():
        raise typer.BadParameter(plain(f"there is no file {file}"))
    target = resolve_dsn(dsn)
    marks.require_installed(target)
    tally = progress.import_file(target, file, orders=orders, batch_size=batch)
    if tally.refused:
        raise typer.Exit(1)


@app.command()
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


app.command()(cli_projections.work)
app.command()(cli_projections.rebuild)
app.command()(cli_projections.drift)
app.command()(cli_ledger.seal)
app.command()(cli_ledger.export)
app.command()(cli_ledger.prove)
app.command()(cli_ledger.keygen)
app.command()(cli_ledger.publish)


@app.command()
def freeze() -> None:
    """Paste sources into migrations, write checksums and install scripts."""
    from pg_evident.workshop.freeze import FreezeError
    from pg_evident.workshop.freeze import freeze as run

    try:
        written = run(ROOT)
    except FreezeError as error:
        fail(str(error))
    _print_ids(
        [str(path.relative_to(ROOT)) for path in written],
        nothing="nothing to do: all is frozen",
    )


@app.command()
def check() -> None:
    """Check migrations and sources without a server."""
    from pg_evident.workshop.check.run import check as run

    findings = run(ROOT)
    for each in findings:
        print(plain(f"{each.path}:{each.line}: {each.rule}: {each.message}"))
    if findings:
        raise typer.Exit(1)


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


@app.command()
def reference(
    dsn: Dsn = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Markdown file whose reference is to be replaced."),
    ] = None,
) -> None:
    """Print the API reference from the comments in the database."""
    from pg_evident.migrate import marks
    from pg_evident.workshop.reference import paste_into, render

    target = resolve_dsn(dsn)
    marks.require_installed(target)
    if into is None:
        for line in render(target).splitlines():
            print(plain(line, LONGEST_LINE))
    else:
        paste_into(into, render(target))


def _print_ids(ids: list[str], *, nothing: str) -> None:
    for each in ids:
        print(plain(each))
    if not ids:
        say(nothing)
