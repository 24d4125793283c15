"""Which database a command works on."""

from __future__ import annotations

import os

from pg_evident.database import normalise


def is_given(dsn: str | None = None) -> str | None:
    """Return what names a database: the given DSN, else DATABASE_URL, else None."""
    return dsn or os.environ.get("DATABASE_URL") or None


def resolve_dsn(dsn: str | None = None) -> str:
    """Find the database: the given DSN, else DATABASE_URL, else the embedded server.

    The embedded server is started when it is not running. Any libpq URI or
    keyword/value string is accepted; raises Failure for what libpq cannot parse.
    """
    if given := is_given(dsn):
        return normalise(given)
    from pg_evident.server import kept

    return kept.start().uri
