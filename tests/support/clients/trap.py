"""A trap before every statement of the store's PL/pgSQL functions, in one database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from support.clients.calls import Connection
from support.clients.statements import CALL, instrumented
from support.clients.store import Store

SQL = Path(__file__).with_name("trap.sql").read_text(encoding="utf-8")
# Folds are fingerprinted by the engine, so a trap in one would be another fold. A
# trigger's function that is not an own one is none of ours.
UNTRAPPED = """
select pg_get_functiondef(p.oid), p.prosrc
from pg_proc as p
inner join pg_language as l on p.prolang = l.oid
where
    l.lanname = 'plpgsql'
    and p.pronamespace in ('evident'::regnamespace, to_regnamespace('races'))
    and p.proname not like 'apply\\_%%'
    and strpos(p.prosrc, %s) = 0
order by p.oid
"""
# A parallel worker may not use a sequence.
SERIAL = "alter database {} set max_parallel_workers_per_gather = 0"
# A projection that finds autovacuum at work goes live at the next run, not at this.
QUIET = """
alter table evident.event_store set (autovacuum_enabled = off);
alter table evident.baseline set (autovacuum_enabled = off)
"""
HITS = (
    "select case when s.is_called then s.last_value else 0 end from trust_trap.hits s"
)
RESET = "select setval('trust_trap.hits', 1, false)"
# What a session that only counts is told before each statement.
REACHED = "TRAP0"
GONE = "not exists (select from pg_stat_activity as a where a.pid = %s)"


@dataclass
class Trap:
    """The trap of one database, as a superuser sets it."""

    observer: Connection
    statements: int = 0

    def install(self) -> None:
        name = self.observer.info.dbname
        self.observer.execute(SERIAL.format(f'"{name}"').encode())
        self.observer.execute(QUIET)
        self.observer.execute(SQL.encode())
        self.extend()

    def extend(self) -> None:
        """Put the trap into what has none yet, such as what was made meanwhile."""
        for definition, source in self.observer.execute(UNTRAPPED, [CALL]).fetchall():
            changed, count = instrumented(definition, source, self.statements)
            self.observer.execute(changed.encode())
            self.statements += count

    def hits(self) -> int:
        """Give how often armed sessions reached a statement since the last arming."""
        row = self.observer.execute(HITS).fetchone()
        assert row is not None
        return int(row[0])

    def arm(self, connection: Connection, at: int, how: str) -> None:
        """Let a session be stopped at so many statements from now; at 0, just told."""
        connection.execute(
            "select set_config('trust_trap.at', %s, false),"
            " set_config('trust_trap.how', %s, false)",
            [str(at), how],
        )
        self.observer.execute(RESET)

    def session(self, store: Store, at: int, how: str) -> Connection:
        """Open an ordinary session that is stopped so; nobody else's is."""
        connection = store.connect()
        self.arm(connection, at, how)
        return connection


def outcome(
    connection: Connection, call: tuple[str, list[object]]
) -> tuple[str | None, list[tuple[object, ...]]]:
    """Make a call; give the SQLSTATE it was refused with, or None and its rows."""
    try:
        return None, connection.execute(*call).fetchall()
    except psycopg.Error as error:
        return error.sqlstate or "lost", []
