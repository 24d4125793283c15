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

from pg_evident.database import connect
from pg_evident.migrate.fingerprint import FILE, installed
from pg_evident.migrate.run import migrate
from pg_evident.server.temporary import ephemeral


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
