"""Run the pgTAP tests with pg_prove, on one fresh server per major version.

`python -m pg_evident.workshop.pgtap 15 18`, or with
`--test tests/pgtap/append/append_event.sql`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from psycopg import sql

from pg_evident.database import connect
from pg_evident.failure import Failure
from pg_evident.migrate.run import migrate
from pg_evident.places import ROOT
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from pg_evident.workshop import profile

TESTS = ROOT / "tests/pgtap"
_DATABASE = "evident_pgtap"
_SCHEMA = "tap"
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_prepared_transactions": "10",
    # A test that waits for a lock waits for what another test has left behind.
    "lock_timeout": "10s",
}
_PROVE_PACKAGE = "apt-get install libtap-parser-sourcehandler-pgtap-perl"
# The whole of pgTAP, without the upgrade scripts from one version to the next.
_WHOLE = re.compile(r"pgtap--(\d+)\.(\d+)\.(\d+)\.sql")


def run(majors: Sequence[int], tests: Sequence[Path] = ()) -> int:
    """Run the tests (default: all) on each major; 0 when everything passed, else 1.

    The majors run side by side; what pg_prove says goes to stdout, major by major.
    Raises Failure when pg_prove, pgTAP or a server's programs are missing, saying what
    to install.
    """
    prove = _pg_prove()
    chosen = tests or sorted(TESTS.rglob("*.sql"))
    files = [os.path.relpath(test, ROOT) for test in chosen]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(lambda major: _run_on(major, prove, files), majors))
    return int(any(results))


def _run_on(major: int, prove: str, files: Sequence[str]) -> bool:
    """Run the files on one major, show what pg_prove says, and say if one failed."""
    pgtap = pgtap_file(major)
    with ephemeral(major, {**_SETTINGS, **profile.settings()}) as server:
        _prepare(server, pgtap)
        done = _prove(prove, server, files)
        profile.harvest(server, _DATABASE)
    print(f"PostgreSQL {major}, pgTAP {pgtap}\n{done.stdout}", flush=True)
    return done.returncode != 0


def pgtap_file(major: int) -> Path:
    """Find pgTAP's SQL file: this major's, else the newest; it is the same in all.

    Looks where Debian's packages and pg_config of a build put it. Raises Failure
    when there is none.
    """
    shares = sorted(
        Path("/usr/share/postgresql").glob("*"),
        key=lambda share: (share.name == str(major), share.name),
        reverse=True,
    )
    config = shutil.which("pg_config")
    if config is not None:
        words = [config, "--sharedir"]
        found = subprocess.run(words, capture_output=True, text=True, check=True)
        shares.append(Path(found.stdout.strip()))
    for share in shares:
        versions = {
            tuple(map(int, match.groups())): path
            for path in share.glob("extension/pgtap--*.sql")
            if (match := _WHOLE.fullmatch(path.name))
        }
        if versions:
            return versions[max(versions)]
    raise Failure(
        "pgTAP is not installed here",
        "apt-get install postgresql-15-pgtap (Debian 12; 16 on Ubuntu 24.04, 17 on"
        " Debian 13): the SQL file of any one serves every major",
    )


def _pg_prove() -> str:
    prove = shutil.which("pg_prove")
    if prove is None:
        raise Failure("pg_prove is not installed here", _PROVE_PACKAGE)
    return prove


def _prepare(server: Server, pgtap: Path) -> None:
    """Create the database: engine, example domain, and pgTAP in its own schema."""
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(f"create database {_DATABASE} template template0")
    migrate(server.uri_for(_DATABASE), examples=True)
    with connect(server.uri_for(_DATABASE), autocommit=True) as connection:
        schema = sql.Identifier(_SCHEMA)
        connection.execute(sql.SQL("create schema {}").format(schema))
        # Tests run under many roles.
        connection.execute(sql.SQL("grant usage on schema {} to public").format(schema))
        # Nothing but pgTAP: evident's functions must not need a search path.
        statement = sql.SQL("alter database {} set search_path = {}")
        connection.execute(statement.format(sql.Identifier(_DATABASE), schema))
    psql = [*_psql(server), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull]
    loaded = subprocess.run(
        [*psql, "-f", str(pgtap)],
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if loaded.returncode:
        raise Failure(f"{pgtap} does not load", loaded.stderr.strip())


def _prove(
    prove: str, server: Server, files: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    psql, *where = _psql(server)
    words = [prove, "--psql-bin", psql, *where, *files]
    return subprocess.run(
        words,
        env=_environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _psql(server: Server) -> list[str]:
    """Give psql and how it reaches the database, in words that pg_prove takes too."""
    where = ["-h", str(server.sockets), "-p", str(server.port)]
    psql = str(server.bindir / "psql")
    return [psql, *where, "-U", "postgres", "-d", _DATABASE]


def _environment() -> dict[str, str]:
    # PGOPTIONS, PGDATABASE and the like are the user's, not the tests'.
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")}


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line and run; 0 passed, 1 failed, 2 something is missing."""
    parser = argparse.ArgumentParser(prog="python -m pg_evident.workshop.pgtap")
    parser.add_argument("majors", nargs="+", type=int, metavar="MAJOR")
    parser.add_argument("--test", type=Path, action="append", default=[])
    given = parser.parse_args(words)
    try:
        return run(given.majors, given.test)
    except Failure as failure:
        print(failure.message, failure.hint or "", sep="\n", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
