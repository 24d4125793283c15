"""A server for measurements, and databases on it that all start alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from pg_evident.bench.options import Options
from pg_evident.bench.stage import schema
from pg_evident.bench.terms import Say
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral

TEMPLATE = "bench_template"
_RUN = "bench_run"


@dataclass(frozen=True)
class Bench:
    """A running server with its template database, and what was asked for."""

    server: Server
    options: Options
    events: int
    clients: int
    seconds: int
    say: Say


@contextlib.contextmanager
def measured_server(options: Options, *, fill: bool, say: Say) -> Iterator[Bench]:
    """Start a durable server and build the template database.

    Without `fill` its event tables hold one event each.
    """
    most = max(options.clients, *options.connections)
    settings = {
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": str(max(100, most + 20)),
        **dict(options.set),
    }
    events = options.events if fill else 1
    with ephemeral(options.pg, settings, parent=options.data) as server:
        say(f"filling the tables with {events:,} events")
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(f"create database {TEMPLATE} template template0")
        migrate(server.uri_for(TEMPLATE))
        with connect(server.uri_for(TEMPLATE), autocommit=True) as connection:
            schema.build(connection, events)
        yield Bench(
            server=server,
            options=options,
            events=options.events,
            clients=options.clients,
            seconds=options.seconds,
            say=say,
        )


@contextlib.contextmanager
def fresh_database(
    bench: Bench, name: str = _RUN, template: str = TEMPLATE
) -> Iterator[str]:
    """Give a copy of the template: same rows, same size, same pages in memory."""
    with connect(bench.server.uri, autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}".encode())
        try:
            yield name
        finally:
            connection.execute(f"drop database {name} with (force)".encode())


def checkpoint(bench: Bench) -> None:
    """Leave no dirty page to the next run."""
    with connect(bench.server.uri, autocommit=True) as connection:
        connection.execute("checkpoint")
