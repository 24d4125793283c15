"""Keep the fingerprints that evident.fingerprint() has to give, one for each major.

`python -m pg_evident.workshop.fingerprints 15 18` installs the package on fresh servers
and writes what they say; run it after every change of the SQL. What they agree on
stands for the majors between them too.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.kept import ephemeral

FILE = Path(__file__).parents[1] / "data/fingerprints.json"


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


def record(majors: Sequence[int]) -> None:
    """Install the package on each of these sorted majors and write the fingerprints.

    Between two neighbours that say the same, the majors say that too.
    """
    known: dict[str, str] = {}
    for major in majors:
        with ephemeral(major, {"fsync": "off"}) as server:
            migrate(server.uri)
            with connect(server.uri) as connection:
                known[str(major)] = installed(connection)
    for low, high in itertools.pairwise(majors):
        if known[str(low)] == known[str(high)]:
            known |= {str(each): known[str(low)] for each in range(low + 1, high)}
    known = dict(sorted(known.items()))
    FILE.write_text(f"{json.dumps(known, indent=2)}\n", encoding="ascii")


def main() -> None:
    """Write the fingerprints of the majors on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("majors", nargs="+", type=int)
    record(sorted(parser.parse_args().majors))


if __name__ == "__main__":
    main()
