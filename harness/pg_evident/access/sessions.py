"""Connections that ask for what they need, transaction by transaction.

A server, a database or a role may have other defaults: SERIALIZABLE, or read only.
Nothing is set for the session, so a pooler in transaction mode may stand between.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import Params
from psycopg.pq import TransactionStatus

from pg_evident.access import denials
from pg_evident.database import open_as

_IS_STANDBY = "select pg_catalog.pg_is_in_recovery()"


class Session(psycopg.Connection[Any]):
    """A connection on which a statement of its own is a transaction of its own.

    In autocommit mode the server's defaults would hold for such a statement.
    """

    def execute(
        self,
        query: Any,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
    ) -> psycopg.Cursor[Any]:
        """Execute a statement, in a transaction as this connection needs it.

        An error for a right that the login lacks tells which role has it.
        """
        try:
            return self._execute(query, params, prepare=prepare, binary=binary)
        except psycopg.errors.InsufficientPrivilege as error:
            denials.explain(self, error, query)
            raise

    def _execute(
        self, query: Any, params: Params | None, *, prepare: bool | None, binary: bool
    ) -> psycopg.Cursor[Any]:
        if (
            not self.autocommit
            or self.info.transaction_status != TransactionStatus.IDLE
        ):
            return super().execute(query, params, prepare=prepare, binary=binary)
        with self.transaction():
            return super().execute(query, params, prepare=prepare, binary=binary)


def make_steady(connection: psycopg.Connection[Any]) -> None:
    """Have each transaction be READ COMMITTED, and one that may write.

    A standby has none that may; there the default stands.
    """
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    row = connection.execute(_IS_STANDBY).fetchone()
    if not connection.autocommit:
        connection.rollback()
    connection.read_only = None if row and row[0] else False


def connect_steadily(dsn: str, **kwargs: Any) -> psycopg.Connection[Any]:
    """Open a connection whose transactions are READ COMMITTED, whatever the defaults.

    And may write, but on a standby. A statement outside of a transaction gets one.
    None is kept prepared: behind a pooler the next one may go to another session.
    """
    kwargs.setdefault("prepare_threshold", None)
    connection = open_as(Session, dsn, **kwargs)
    try:
        make_steady(connection)
    except BaseException:
        connection.close()
        raise
    return connection
