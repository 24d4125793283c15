"""Turn what the user gave into connections, and into the URL that yoyo wants."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pg_evident import dsn_errors

if TYPE_CHECKING:
    import psycopg

# SQLAlchemy-style names of a driver: what follows the scheme is a libpq URI.
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")

# Seconds, as libpq has them, and milliseconds for the last one.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}


class Failure(Exception):
    """A refusal that the command line shows as its message and hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def is_given(dsn: str | None = None) -> str | None:
    """Return what names a database: the given DSN, else DATABASE_URL, else None."""
    return dsn or os.environ.get("DATABASE_URL") or None


def resolve_dsn(dsn: str | None = None) -> str:
    """Find the database: the given DSN, else DATABASE_URL, else the embedded server.

    The embedded server is started when it is not running. Any libpq URI or
    keyword/value string is accepted; raises Failure for what libpq cannot parse.
    """
    if given := is_given(dsn):
        return _normalise(given)
    from pg_evident.server import kept as server

    return server.start().uri


def connect(dsn: str, **kwargs: Any) -> psycopg.Connection[Any]:
    """Open a psycopg connection; keyword arguments go to psycopg.connect.

    Text comes as UTF-8 whatever the database has; SQL_ASCII would give bytes. What is
    behind it is not looked at: commands take ownership.connect.
    """
    import psycopg

    return _connect(psycopg.Connection, dsn, **kwargs)


def connect_steadily(dsn: str, **kwargs: Any) -> psycopg.Connection[Any]:
    """Open a connection whose transactions are READ COMMITTED, whatever the defaults.

    And may write, but on a standby. A statement outside of a transaction gets one.
    None is kept prepared: behind a pooler the next one may go to another session.
    """
    from pg_evident.access import sessions

    kwargs.setdefault("prepare_threshold", None)
    connection = _connect(sessions.Session, dsn, **kwargs)
    try:
        sessions.make_steady(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(
    kind: type[psycopg.Connection[Any]], dsn: str, **kwargs: Any
) -> psycopg.Connection[Any]:
    kwargs.setdefault("fallback_application_name", "evident")
    kwargs.setdefault("client_encoding", "UTF8")
    with dsn_errors.hidden(dsn, parameters(dsn)):
        return kind.connect(_normalise(dsn), **kwargs)


def connect_patiently(dsn: str, **kwargs: Any) -> psycopg.Connection[Any]:
    """Connect for a long time: a server that has vanished is noticed within a minute.

    Schema evident has been found to be ours: see ownership. What the DSN itself says
    about timeouts stands.
    """
    from pg_evident.access import ownership

    given = parameters(dsn)
    for key, value in _PATIENCE.items():
        if key not in given:
            kwargs.setdefault(key, value)
    return ownership.connect(dsn, **kwargs)


def connect_for_calls(dsn: str, name: str) -> psycopg.Connection[Any]:
    """Connect patiently for calls that each are a transaction of their own.

    Nothing is kept in the session, so a transaction-mode pooler may stand between.
    `name` is the application's, unless the DSN has one.
    """
    return connect_patiently(dsn, autocommit=True, fallback_application_name=name)


def is_lost(connection: psycopg.Connection[Any], error: psycopg.Error) -> bool:
    """Say whether to connect anew: no connection, or a server that lets nobody write.

    The latter is the old primary after a failover; a DSN can name both hosts.
    """
    return (
        connection.closed
        or (error.sqlstate or "").startswith(("08", "57P"))
        or error.sqlstate == "25006"
    )


def parameters(dsn: str) -> dict[str, str]:
    """Split a libpq URI or conninfo string into its given keywords and values.

    Raises Failure when libpq cannot parse it.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        found = conninfo_to_dict(_DRIVER.sub(r"\1://", dsn.strip()))
    except (ProgrammingError, UnicodeError) as error:
        raise Failure(
            f"not a PostgreSQL connection string: {dsn_errors.reason(error)}",
            "give a URI such as postgresql://user@host:5432/database, with %40 for @,"
            " %2F for / and %25 for % in a password, or keywords such as"
            " 'host=/run/postgresql dbname=shop'",
        ) from None
    return {key: str(value) for key, value in found.items()}


def yoyo_url(dsn: str, schema: str | None = None) -> str:
    """Write the URL under which yoyo reaches the same database through psycopg 3.

    `schema` is where yoyo keeps its own tables (default: the session's own
    search path). Every parameter stands in the query: yoyo hands these to
    psycopg unchanged, while it lower-cases a host, allows no socket directory
    there, reads one port only and never decodes the database name.
    """
    given = {key: value for key, value in parameters(dsn).items() if value}
    query = {**given, "client_encoding": "UTF8"}
    if schema is not None:
        query["schema"] = schema
    return f"postgresql+psycopg:///?{urlencode(query)}"


def _normalise(dsn: str) -> str:
    parameters(dsn)
    return _DRIVER.sub(r"\1://", dsn.strip())
