"""Logical replication of a store's tables from one server to another."""

from __future__ import annotations

import subprocess

from psycopg.conninfo import make_conninfo

from pg_evident.database import connect
from support.clients.waiting import wait_for
from support.servers.dumps import Dumpable

# What a publisher needs; the subscriber needs nothing.
LOGICAL = {"wal_level": "logical", "max_wal_senders": "10"}
_CONFIRMED = """
(
    select count(*) = 1 and bool_and(s.confirmed_flush_lsn >= %s::pg_lsn)
    from pg_replication_slots as s
    where s.slot_name = 'evident_switch'
)
"""
_COPIED = """
(select count(*) > 0 and bool_and(r.srsubstate = 'r') from pg_subscription_rel as r)
"""


def copy_schema(source: Dumpable, to: Dumpable) -> None:
    """Restore the schema alone, dumped by the newer server's pg_dump."""
    dumped = subprocess.run(
        [to.server.bindir / "pg_dump", "--schema-only", "-d", source.dsn],
        check=True,
        capture_output=True,
    ).stdout
    subprocess.run(
        [
            to.server.bindir / "psql",
            *("-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", to.dsn),
        ],
        input=dumped,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def subscribe(source: Dumpable, to: Dumpable, tables: str) -> None:
    """Publish, subscribe, and wait until all tables have been copied."""
    with connect(source.dsn, autocommit=True) as connection:
        connection.execute(f"create publication evident_switch for {tables}".encode())
    conninfo = make_conninfo(source.dsn)
    with connect(to.dsn, autocommit=True) as connection:
        connection.execute(
            f"create subscription evident_switch connection '{conninfo}'"
            " publication evident_switch".encode()
        )
        wait_for(connection, _COPIED)


def catch_up(source: Dumpable) -> None:
    """Wait until the subscriber has all that is committed by now."""
    with connect(source.dsn, autocommit=True) as connection:
        row = connection.execute("select pg_current_wal_insert_lsn()").fetchone()
        assert row is not None
        # Asynchronous commits reach the log's files a little later.
        connection.execute("select pg_switch_wal()")
        wait_for(connection, _CONFIRMED, *row)


def end(source: Dumpable, to: Dumpable) -> None:
    """Drop the subscription with its slot, and the publication."""
    with connect(to.dsn, autocommit=True) as connection:
        connection.execute("drop subscription if exists evident_switch")
    with connect(source.dsn, autocommit=True) as connection:
        connection.execute("drop publication if exists evident_switch")
