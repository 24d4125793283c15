"""sqlsmith: random valid SQL over everything that a login can see."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import Database

# The server names the SQLSTATE of each error of this login in its log.
LOGIN_SETTINGS = """
alter role {0} set log_error_verbosity = verbose;
alter role {0} set statement_timeout = '1s';
alter role {0} set lock_timeout = '500ms';
alter role {0} set idle_in_transaction_session_timeout = '10s';
"""
_ERROR = re.compile(r"ERROR:  ([0-9A-Z]{5}): ")
_CRASH = re.compile(r"PANIC: |was terminated by signal")
_NAME = re.compile(r"\b(evident|shop)\.(\w+)(\()?")


@dataclass
class Smithed:
    """What came of a number of queries."""

    queries: int = 0
    # Queries that name something of the package, and the functions they call.
    touching: int = 0
    functions: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)


def program() -> str:
    found = shutil.which("sqlsmith")
    if found is None:
        pytest.skip("sqlsmith is not installed: apt-get install sqlsmith")
    return found


def smith(
    db: Database, login: str, folder: Path, *, seed: int, queries: int, seconds: float
) -> Smithed:
    """Run a number of random queries as a login, at most so many seconds."""
    written = folder / "queries.sql"
    start = db.server.log.stat().st_size
    with written.open("wb") as out:
        words = ["--exclude-catalog", "--dump-all-queries"]
        target = db.dsn.replace("postgres@", f"{login}@")
        limits = [f"--seed={seed}", f"--max-queries={queries}", f"--target={target}"]
        process = subprocess.Popen(
            [program(), *words, *limits], stdout=out, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    done = Smithed()
    for query in written.read_text(errors="replace").split(";\n"):
        if not query.strip():
            continue
        done.queries += 1
        named = _NAME.findall(query)
        done.touching += bool(named)
        done.functions |= {f"{schema}.{name}" for schema, name, call in named if call}
    with db.server.log.open("rb") as log:
        log.seek(start)
        for line in log.read().decode(errors="replace").splitlines():
            if found := _ERROR.search(line):
                done.errors[found[1]] += 1
            elif _CRASH.search(line):
                done.crashes.append(line)
    return done
