"""Databases in which the engine is installed: find out, and connect for long."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from pg_evident.access import ownership
from pg_evident.access.pinning import pinned
from pg_evident.database import parameters

# Seconds, as libpq has them, and milliseconds for the last one.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}


def require_installed(dsn: str) -> None:
    """Raise Failure when the database has no schema evident, or another's."""
    ownership.connect(dsn, autocommit=True).close()


def installed_version(connection: psycopg.Connection[Any]) -> str | None:
    """Return what evident.version() says, the newest applied engine migration's id.

    None when the engine is not installed. It is read in the catalog and not called,
    so it needs no right, and runs nothing.
    """
    with pinned(connection):
        row = connection.execute(
            "select coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)"
            " from pg_proc as p"
            " where p.pronamespace = to_regnamespace('evident')"
            " and p.proname = 'version' and p.pronargs = 0"
        ).fetchone()
    found = re.search(r"'(\w+)'", row[0]) if row else None
    return found[1] if found else None


def connect_patiently(dsn: str, **kwargs: Any) -> psycopg.Connection[Any]:
    """Connect for a long time: a server that has vanished is noticed within a minute.

    Schema evident has been found to be ours: see ownership. What the DSN itself says
    about timeouts stands.
    """
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
