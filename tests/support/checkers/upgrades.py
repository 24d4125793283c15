"""A store with a history, as an older version has left it; and what must stay of it.

At each tag its dump is added to tests/upgrade, for every later version to upgrade:

    cd tests && ../.venv/bin/python -m support.checkers.upgrades upgrade/0.1.0.sql
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.places import ROOT
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.clients.store import Connection
from support.servers.dumps import Dumpable, dump

DUMPS = ROOT / "tests/upgrade"
# The oldest major: what it writes all can read.
_MAJOR = 15

_ORDERS = """
select evident.append_events(
    ('0190a3c0-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
    jsonb_build_array(
        jsonb_build_object('type', 'OrderCreated', 'payload', jsonb_build_object(
            'customer_id', lpad((n % 7)::text, 5, '0'), 'ordered_on', '1997-01-01',
            'quantity', 1, 'amount', n
        )),
        jsonb_build_object(
            'type', 'PaymentProcessed', 'payload', jsonb_build_object('amount', n)
        )
    ),
    0
)
from generate_series({first}, {last}) as n
"""
# What an upgrade may not change: tables, and the order of their rows.
_KEPT = {
    "evident.event_store": "id",
    "evident.ledger_tile": "level, index",
    "evident.tree_head": "number",
    "evident.projection": "number",
    "evident.consumer": "name",
    "shop.orders_summary": "aggregate_id",
}


Rows = dict[str, list[dict[str, object]]]


def append_orders(connection: Connection, first: int, last: int) -> None:
    """Append orders of these numbers, of two events each."""
    connection.execute(_ORDERS.format(first=first, last=last).encode())


def fill(dsn: str) -> None:
    """Install this version with its examples, append, fold, claim and seal."""
    migrate(dsn, examples=True)
    with connect(dsn, autocommit=True) as connection:
        append_orders(connection, 1, 300)
        connection.execute("select evident.create_consumer('mailer', 2)")
        connection.execute("select evident.seal()")
        # Not sealed, and not folded by the asynchronous ones.
        append_orders(connection, 301, 310)


def kept(connection: Connection) -> Rows:
    """Read what may not change, by table."""
    return {
        table: [
            row
            for (row,) in connection.execute(
                f"select to_jsonb(t) from {table} as t order by {order}".encode()
            )
        ]
        for table, order in _KEPT.items()
    }


def changed(connection: Connection, before: Rows) -> list[str]:
    """Name the tables in which rows are missing, added or have another value.

    A column that a version adds is no change.
    """
    now = kept(connection)
    return [
        table
        for table, rows in before.items()
        if len(now[table]) != len(rows)
        or any(
            old.items() - each.items()
            for old, each in zip(map(_flat, rows), map(_flat, now[table]), strict=True)
        )
    ]


def _flat(row: dict[str, object]) -> dict[str, str]:
    return {name: repr(value) for name, value in row.items()}


@dataclass
class _Whole:
    server: Server

    @property
    def dsn(self) -> str:
        return self.server.uri


def filled_dump(database: Dumpable, make: Callable[[str], None] = fill) -> bytes:
    """Fill an empty database and dump it."""
    make(database.dsn)
    return dump(database)


def main() -> None:
    """Write the dump of a store that this version has made."""
    with ephemeral(_MAJOR, {"fsync": "off"}) as server:
        Path(sys.argv[1]).write_bytes(filled_dump(_Whole(server)))


if __name__ == "__main__":
    main()
