"""Large stores side by side on one server, each a database with both tables."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pg_evident.bench.measure.footprint import footprinted
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.read_model import (
    CREATED,
    MODEL,
    PAID,
    build_read_model,
    register,
)
from pg_evident.bench.stage.schema import PAYLOAD, STORE, TWIN, aggregates
from pg_evident.bench.stage.server import TEMPLATE, Bench
from pg_evident.bench.terms import Budget, Candidate, Footprint, Sample, Usage
from pg_evident.database import connect

_CHUNK = 100_000  # events per transaction while filling
# Above this a copy takes longer than the run that it is for.
_LARGEST_COPY = 1_000_000
_COPY = "bench_copy"

# As the bench's template is filled, whose only row is this one's number 0: the
# aggregates grow together, an order first and then its payments. Those that have
# the same version go in by the order of the index, which spares this, and no run, a
# random page for each.
_FILL = """
insert into {} (aggregate_id, version, event_type, payload)
select
    md5('filled/' || mod(i.number, %(aggregates)s::integer)::text)::uuid,
    i.number / %(aggregates)s + 1,
    case when i.number < %(aggregates)s then %(first)s else %(later)s end,
    %(payload)s
from generate_series(%(from)s::integer, %(to)s::integer) as i (number)
order by i.number / %(aggregates)s, 1
"""

# Every page of each index would go to the log again after each checkpoint, of
# which there would be many; what is measured later starts from a checkpoint.
_WHILE_FILLING = {"full_page_writes": "off", "max_wal_size": "4GB"}

_Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Filling:
    """How one table was filled, the log with the vacuum that follows."""

    seconds: float
    usage: Usage
    footprint: Footprint


@dataclass(frozen=True)
class Store:
    """A database with `events` events in the store and in the equal table.

    `turns` counts, by script, the appends that each client has made to it.
    """

    database: str
    events: int
    fillings: dict[str, Filling]
    turns: Counter[str]

    @property
    def aggregates(self) -> int:
        """Return over how many aggregates the events spread, evenly."""
        return aggregates(self.events)

    def named(self, name: str) -> str:
        """Return the name of what is measured here."""
        return f"{name}, {self.events:,}"

    def candidate(
        self,
        name: str,
        gives: str,
        measure: Callable[[], Sample],
        budgets: Sequence[Budget] = (),
    ) -> Candidate:
        """Return what is measured here."""
        axis = ("events", self.events)
        return Candidate(self.named(name), gives, measure, budgets, axis)


def fill_stores(bench: Bench, sizes: list[int]) -> list[Store]:
    """Make a store of each size, from a template that holds a single event."""
    with connect(bench.server.uri, autocommit=True) as server:
        with changed_settings(server, _WHILE_FILLING):
            stores = [_fill_store(bench, server, size) for size in sizes]
        server.execute("checkpoint")
    return stores


@contextlib.contextmanager
def writable(bench: Bench, store: Store) -> Iterator[tuple[str, Counter[str]]]:
    """Give a database to append to, with its turns: a copy, or a large store itself.

    The large one keeps the rows of all runs, which must be few beside its own.
    """
    if store.events > _LARGEST_COPY:
        yield store.database, store.turns
        return
    with connect(bench.server.uri, autocommit=True) as server:
        server.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(_COPY), sql.Identifier(store.database)
            )
        )
        try:
            yield _COPY, Counter()
        finally:
            server.execute(f"drop database {_COPY} with (force)")


def _fill_store(bench: Bench, server: _Connection, size: int) -> Store:
    name = f"bench_{size}"
    server.execute(
        sql.SQL("create database {} template {}").format(
            sql.Identifier(name), sql.Identifier(TEMPLATE)
        )
    )
    with connect(bench.server.uri_for(name), autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        fillings = {
            table: _fill_table(bench, connection, table, size)
            for table in (STORE, TWIN)
        }
        build_read_model(connection)
        # In the background, so that the appends do not pay for it.
        register(connection, "async")
        start = time.perf_counter()
        connection.execute("select evident.rebuild_projection(%s)", (MODEL,))
        connection.execute("vacuum (freeze, analyze) bench.orders")
        spent = time.perf_counter() - start
        bench.say(
            f"{size:,} events: read model of {aggregates(size):,} rows in {spent:.0f} s"
        )
    return Store(name, size, fillings, Counter())


def _fill_table(
    bench: Bench, connection: _Connection, table: str, size: int
) -> Filling:
    name = sql.Identifier(*table.split("."))
    statement = sql.SQL(_FILL).format(name)
    values = {
        "aggregates": aggregates(size),
        "first": CREATED,
        "later": PAID,
        "payload": PAYLOAD,
    }
    with footprinted(bench, connection.info.dbname, table) as growth:
        start = told = time.perf_counter()
        with metered(bench.server) as usage:
            for first in range(1, size, _CHUNK):
                last = min(first + _CHUNK, size) - 1
                connection.execute(statement, {**values, "from": first, "to": last})
                now = time.perf_counter()
                if now - told >= 10 or last == size - 1:
                    told = now
                    bench.say(
                        f"{table}: {last + 1:,} of {size:,} events,"
                        f" {last / (now - start):,.0f} events/s"
                    )
        spent = time.perf_counter() - start
        connection.execute(sql.SQL("vacuum (freeze, analyze) {}").format(name))
    return Filling(spent, usage, growth.per(size))


@contextlib.contextmanager
def changed_settings(
    server: _Connection, settings: Mapping[str, str]
) -> Iterator[None]:
    """Change the server's settings for a while."""
    for name, value in settings.items():
        statement = sql.SQL("alter system set {} = {}")
        server.execute(statement.format(sql.Identifier(name), sql.Literal(value)))
    server.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        for name in settings:
            server.execute(
                sql.SQL("alter system reset {}").format(sql.Identifier(name))
            )
        server.execute("select pg_reload_conf()")
