"""Whether what is installed is what this package installs, by evident.fingerprint()."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from pg_evident.access import ownership
from pg_evident.installed import installed_version
from pg_evident.migrate.upgrades import newest_version
from pg_evident.places import DATA

FILE = DATA / "fingerprints.json"

# Objects that a line names; guard_status has all.
_MOST = 5
# What is in the fingerprint, and not as evident.baseline has it.
_CHANGED = """
    select g.kind, g.name
    from evident.guard_status() as g
    where
        not g.is_intact
        and g.kind <> all (
            array['role', 'member', 'database', 'setting', 'default grant']
        )
"""


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
    """Report in a line whether what is installed is what this package installs."""
    found, version = installed(connection), installed_version(connection)
    if version != newest_version():
        # Of another version no fingerprint is known; the database has its baseline.
        changed = _changed(connection)
        return f"{found} of {version}{f'; changed: {changed}' if changed else ''}"
    major = connection.info.server_version // 10_000
    if (wanted := expected(major)) is None:
        return f"{found} (none is known for PostgreSQL {major})"
    if found == wanted:
        return f"{found}, as this package installs"
    return f"{found}, {_difference(connection, wanted)}"


def complaint(dsn: str) -> str | None:
    """Report what is not as this package installs it, None when nothing is.

    Only where all its migrations are applied, and the login may ask.
    """
    with ownership.connect(dsn, autocommit=True) as connection:
        if installed_version(connection) != newest_version():
            return None
        wanted = expected(connection.info.server_version // 10_000)
        try:
            found = installed(connection)
            if wanted is None or found == wanted:
                return None
            difference = _difference(connection, wanted)
        except psycopg.errors.InsufficientPrivilege:
            return None
    return f"warning: what is installed, {found}, is {difference}"


def _difference(connection: psycopg.Connection[Any], wanted: str) -> str:
    changed = _changed(connection)
    if changed is None:
        # guard_status has nothing to name.
        which = (
            "all is as recorded in evident.baseline, so a change was accepted there,"
            " or these were other migrations"
        )
    else:
        which = f"{changed}: select * from evident.guard_status() where not is_intact"
    return f"NOT as this package installs ({wanted}): {which}"


def _changed(connection: psycopg.Connection[Any]) -> str | None:
    """Name the objects that differ from the baseline, the first few of many."""
    names = [" ".join(row) for row in connection.execute(_CHANGED.encode())]
    if not names:
        return None
    rest = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + rest
