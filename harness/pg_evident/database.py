"""Turn what the user gave into connections, and into the URL that yoyo wants."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pg_evident import dsn_errors
from pg_evident.failure import Failure

if TYPE_CHECKING:
    import psycopg

# SQLAlchemy-style names of a driver: what follows the scheme is a libpq URI.
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")


def connect(dsn: str, **kwargs: Any) -> psycopg.Connection[Any]:
    """Open a psycopg connection; keyword arguments go to psycopg.connect.

    Text comes as UTF-8 whatever the database has; SQL_ASCII would give bytes. What is
    behind it is not looked at: commands take ownership.connect.
    """
    import psycopg

    return open_as(psycopg.Connection, dsn, **kwargs)


def open_as(
    kind: type[psycopg.Connection[Any]], dsn: str, **kwargs: Any
) -> psycopg.Connection[Any]:
    """Open a connection of one class; an error tells nothing of the DSN."""
    kwargs.setdefault("fallback_application_name", "evident")
    kwargs.setdefault("client_encoding", "UTF8")
    with dsn_errors.hidden(dsn, parameters(dsn)):
        return kind.connect(normalise(dsn), **kwargs)


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


def normalise(dsn: str) -> str:
    """Return the DSN as libpq reads it; raises Failure when it cannot."""
    parameters(dsn)
    return _DRIVER.sub(r"\1://", dsn.strip())
