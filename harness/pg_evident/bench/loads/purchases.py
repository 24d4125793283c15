"""Measure real purchases from file to proof: import, projections, seal, verify."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pg_evident.bench.loads.sealing import VERIFY, number, seal_all
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.measure.together import parts
from pg_evident.bench.stage.schema import STORE, count
from pg_evident.bench.stage.server import Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Candidate, Sample, Usage, Workload
from pg_evident.database import connect
from pg_evident.demo.tour import ORDERS
from pg_evident.intake.importer import import_lines
from pg_evident.intake.orders import read_orders
from pg_evident.migrate.run import migrate

_SHOP = "bench_shop"
_LIMIT = 10_000  # events per run of a projection

_STEPS = {
    "import": "each order once, by its id; two projections kept in the appends",
    "other projections": "the asynchronous ones, caught up",
    "seal": "tiles and tree heads",
    "verify": "every leaf, tile and tree head again",
    "drift check": "each row of each projection replayed from its events",
}
_NAMES = "select s.name from evident.projection_status as s"
_ASYNC = f"{_NAMES} where s.mode = 'async' order by s.name"
_RUN = "select evident.run_projection(%s, %s)"
_DRIFT = "select count(*) from evident.verify_projection(%s)"

_Connection = psycopg.Connection[Any]


def purchases_workload(bench: Bench) -> Workload:
    """Return the workload of CDNOW's purchases, a candidate for each step."""
    with connect(bench.server.uri, autocommit=True) as server:
        server.execute(f"create database {_SHOP} template template0".encode())
    migrate(bench.server.uri_for(_SHOP), examples=True)
    part = parts(lambda: _round(bench))
    return Workload(
        "mixed: the purchases of CDNOW from file to proof, 1 connection",
        "events/s",
        [Candidate(name, gives, part(name)) for name, gives in _STEPS.items()],
    )


def _round(bench: Bench) -> dict[str, Sample]:
    taken: dict[str, tuple[float, Usage]] = {}
    with fresh_database(bench, template=_SHOP) as database:
        dsn = bench.server.uri_for(database)
        checkpoint(bench)

        @contextmanager
        def step(name: str) -> Iterator[None]:
            start = time.perf_counter()
            with metered(bench.server) as usage:
                yield
            taken[name] = time.perf_counter() - start, usage

        refused: list[Any] = []
        with step("import"), ORDERS.open(encoding="utf-8", newline="") as lines:
            tally = import_lines(dsn, read_orders(lines), refuse=refused.append)
        with connect(dsn, autocommit=True) as connection:
            with step("other projections"):
                for (name,) in connection.execute(_ASYNC).fetchall():
                    while number(connection, _RUN, name, _LIMIT):
                        pass
            with step("seal"):
                sealed = seal_all(connection)
            with step("verify"):
                problems = number(connection, VERIFY)
            with step("drift check"):
                problems += sum(
                    number(connection, _DRIFT, name)
                    for (name,) in connection.execute(_NAMES).fetchall()
                )
            stored = count(connection, STORE)
    is_right = not refused and not problems and tally.appended <= min(sealed, stored)
    return {
        name: Sample(
            operations=tally.appended,
            seconds=seconds,
            usage=usage,
            is_right=is_right,
            extra={"seconds": seconds},
        )
        for name, (seconds, usage) in taken.items()
    }
