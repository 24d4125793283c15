"""The commands `evident bench …`: measure against references of the same run.

Each verb starts its own durable server, prints a table on stdout and its progress
on stderr. It measures and does not judge: the exit code is 0 whatever comes out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.bench.append import append_workloads, hot_workloads
from harness.bench.batch import batch_workload
from harness.bench.facts import facts
from harness.bench.feed import feed_workloads
from harness.bench.ledger import ledger_workloads
from harness.bench.projection import prepare as prepare_projection
from harness.bench.projection import projection_workloads
from harness.bench.rebuild import prepare as prepare_rebuild
from harness.bench.rebuild import rebuild_workload
from harness.bench.report import as_json, print_facts, print_result, write_json
from harness.bench.rounds import Workload, alternate
from harness.bench.server import Bench, fresh_database, measured_server
from harness.system import EMBEDDED_MAJOR

app = typer.Typer(
    help="Measure appends and reads against plain SQL, on a server of their own.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Rounds = Annotated[int, typer.Option(min=1, help="Runs of each candidate.")]
Seconds = Annotated[int, typer.Option(min=1, help="Length of a run.")]
Clients = Annotated[int, typer.Option(min=1, help="Connections that write at once.")]
Events = Annotated[int, typer.Option(min=1, help="Events in the table before a run.")]
Major = Annotated[
    int, typer.Option("--pg", help="Major version: 18 embedded, others of the system.")
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Where the server's data goes. Default: the temporary directory.",
        exists=True,
        file_okay=False,
        show_default=False,
    ),
]
Calm = Annotated[
    int,
    typer.Option(
        min=1,
        max=100,
        help="Wait for, and repeat, runs in which other programs take more than this"
        " percentage of the processors.",
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json", help="Also write all figures here.", dir_okay=False, writable=True
    ),
]


@app.command()
def append(
    rounds: Rounds = 7,
    seconds: Seconds = 4,
    clients: Clients = 16,
    events: Events = 10_000,
    calm: Calm = 100,
    pg: Major = EMBEDDED_MAJOR,
    data: Folder = None,
    json: Json = None,
) -> None:
    """One event per transaction: append_event, raw INSERT, the article's function."""
    with _bench(pg, events, clients, seconds, data) as bench:
        _measure("append", bench, append_workloads(bench), rounds, calm, json)


@app.command()
def batch(
    rounds: Rounds = 7,
    seconds: Seconds = 4,
    events: Events = 10_000,
    calm: Calm = 100,
    pg: Major = EMBEDDED_MAJOR,
    data: Folder = None,
    json: Json = None,
) -> None:
    """1,000 events per transaction: append_events, append_batch, COPY, INSERT."""
    with _bench(pg, events, 1, seconds, data) as bench:
        _measure("batch", bench, [batch_workload(bench)], rounds, calm, json)


@app.command()
def hot(
    rounds: Rounds = 7,
    seconds: Seconds = 4,
    clients: Clients = 16,
    events: Events = 10_000,
    calm: Calm = 100,
    pg: Major = EMBEDDED_MAJOR,
    data: Folder = None,
    json: Json = None,
) -> None:
    """One aggregate, any version: many connections beside one alone."""
    with _bench(pg, events, clients, seconds, data) as bench:
        _measure("hot", bench, hot_workloads(bench), rounds, calm, json)


@app.command()
def feed(
    rounds: Rounds = 7,
    seconds: Seconds = 4,
    events: Events = 100_000,
    calm: Calm = 100,
    pg: Major = EMBEDDED_MAJOR,
    data: Folder = None,
    json: Json = None,
) -> None:
    """Reading: feed pages and whole aggregates beside the bare SELECT."""
    with (
        _bench(pg, events, 1, seconds, data) as bench,
        fresh_database(bench) as database,
    ):
        _measure("feed", bench, feed_workloads(bench, database), rounds, calm, json)


@app.command()
def projection(
    rounds: Rounds = 7,
    seconds: Seconds = 4,
    clients: Clients = 16,
    events: Events = 10_000,
    calm: Calm = 100,
    pg: Major = EMBEDDED_MAJOR,
    data: Folder = None,
    json: Json = None,
) -> None:
    """Appends that keep a read model: the engine, and event and row by hand."""
    with _bench(pg, events, clients, seconds, data) as bench:
        prepare_projection(bench)
        _measure("projection", bench, projection_workloads(bench), rounds, calm, json)


@app.command()
def rebuild(
    rounds: Rounds = 3,
    events: Events = 300_000,
    calm: Calm = 100,
    pg: Major = EMBEDDED_MAJOR,
    data: Folder = None,
    json: Json = None,
) -> None:
    """A read model from its log: rebuild, catch-up, drift check, row by row."""
    with _bench(pg, 1, 1, 0, data) as empty:
        bench = replace(empty, events=prepare_rebuild(empty, events))
        _measure("rebuild", bench, [rebuild_workload(bench, _say)], rounds, calm, json)


@app.command()
def ledger(
    rounds: Rounds = 5,
    seconds: Seconds = 4,
    clients: Clients = 16,
    events: Events = 100_000,
    calm: Calm = 100,
    pg: Major = EMBEDDED_MAJOR,
    data: Folder = None,
    json: Json = None,
) -> None:
    """The ledger: seal, verify, proofs, appends beside the sealer, offline verify."""
    with _bench(pg, events, clients, seconds, data) as bench:
        _measure("ledger", bench, ledger_workloads(bench), rounds, calm, json)


def _bench(
    major: int, events: int, clients: int, seconds: int, data: Path | None
) -> AbstractContextManager[Bench]:
    return measured_server(
        major=major,
        events=events,
        clients=clients,
        seconds=seconds,
        parent=data,
        say=_say,
    )


def _measure(
    verb: str,
    bench: Bench,
    workloads: Iterable[Workload],
    rounds: int,
    calm: int,
    file: Path | None,
) -> None:
    """Print what it runs on, then each workload as soon as it is measured."""
    about = facts(bench, rounds)
    print_facts(about)
    results = []
    for workload in workloads:
        results.append(alternate(workload, rounds=rounds, calm=calm / 100, say=_say))
        print_result(results[-1])
    if file is not None:
        write_json(as_json(verb, about, results), file)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
