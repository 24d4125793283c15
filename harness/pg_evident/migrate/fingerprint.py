"""Whether what is installed is what this package installs, by evident.fingerprint()."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from pg_evident.places import DATA

FILE = DATA / "fingerprints.json"


def expected(major: int) -> str | None:
    """Give the fingerprint that this package has on a major, None when not known."""
    known: dict[str, str] = json.loads(FILE.read_text(encoding="ascii"))
    return known.get(str(major))


def installed(connection: psycopg.Connection[Any]) -> str:
    """Give the fingerprint of what is installed.

    Raises psycopg.Error where the login may not ask, or no such function is.
    """
    row = connection.execute("select evident.fingerprint()").fetchone()
    assert row is not None
    return str(row[0])


def compared(connection: psycopg.Connection[Any]) -> str:
    """Say in a line whether what is installed is what this package installs."""
    major = connection.info.server_version // 10_000
    found, wanted = installed(connection), expected(major)
    if wanted is None:
        return f"{found} (none is known for PostgreSQL {major})"
    if found == wanted:
        return f"{found}, as this package installs"
    return f"{found}, NOT as this package installs ({wanted}): see guard_status"
