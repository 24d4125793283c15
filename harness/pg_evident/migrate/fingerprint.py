"""Whether what is installed is what this package installs, by evident.fingerprint()."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from pg_evident.access import ownership
from pg_evident.installed import installed_version
from pg_evident.migrate.upgrades import newest_version
from pg_evident.places import DATA
from pg_evident.showing import said

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
    return _judged(connection)[1]


def complaint(dsn: str) -> str | None:
    """Report what is not as this package installs and records it, None for nothing.

    Only where all its migrations are applied, and the login may ask. What else keeps
    it from comparing is told, and no error: what the command was for is done.
    """
    with ownership.connect(dsn, installed=False, autocommit=True) as connection:
        if installed_version(connection) != newest_version():
            return None
        try:
            is_fine, line = _judged(connection)
        except psycopg.errors.InsufficientPrivilege:
            return None
        except psycopg.Error as error:
            return f"warning: catalog not compared: {said(error)}"
    return None if is_fine else f"warning: catalog {line}"


def _judged(connection: psycopg.Connection[Any]) -> tuple[bool, str]:
    found, version = installed(connection), installed_version(connection)
    changed = _changed(connection)
    recorded = f"; NOT as recorded: {changed}" if changed else ""
    if version != newest_version():
        # Of another version no fingerprint is known; the database has its baseline.
        return not changed, f"{found} of {version}{recorded}"
    major = connection.info.server_version // 10_000
    wanted = expected(major)
    if wanted is None:
        return not changed, f"{found} (none is known for PostgreSQL {major}){recorded}"
    if found == wanted:
        return not changed, f"{found}, as this package installs{recorded}"
    # An owner may have accepted a change; guard_status has nothing to name then.
    recorded = recorded or (
        "; all is as recorded in evident.baseline, so a change was accepted there, or"
        " these were other migrations"
    )
    return False, f"{found}, NOT as this package installs ({wanted}){recorded}"


def _changed(connection: psycopg.Connection[Any]) -> str | None:
    """Name the objects that differ from the baseline, the first few of many."""
    names = [" ".join(row) for row in connection.execute(_CHANGED.encode())]
    if not names:
        return None
    rest = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    query = "select * from evident.guard_status() where not is_intact"
    return f"{', '.join(names[:_MOST])}{rest}: {query}"
