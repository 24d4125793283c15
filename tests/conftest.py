"""One server per test process, and a fresh copy of a migrated database per test."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from pg_evident.workshop import profile
from support.seeds import IS_DAILY, SEED

# The report of what the tests show; a login, its store and broken twins; what a second
# major leaves out.
pytest_plugins = ["report.plugin", "support.fixtures", "support.selection"]

TEMPLATE = "evident_template"
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_prepared_transactions": "20",
    "max_connections": "200",
}

# A file system in memory, and the bytes that have to be free there.
MEMORY = "/dev/shm"
ROOM = 8 << 30

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pg",
        type=int,
        default=int(os.environ.get("EVIDENT_PG", "18")),
        metavar="MAJOR",
        help="major version of PostgreSQL to test on (default: EVIDENT_PG or 18)",
    )
    parser.addoption(
        "--rewrite-goldens",
        action="store_true",
        help="write tests/golden/projections anew from what create_projection makes",
    )


def pytest_configure() -> None:
    """Keep the servers of the daily run in memory, where there is room for them.

    Nearly a tenth of its work would be to make the files of databases, and remove them.
    """
    if not IS_DAILY or "TMPDIR" in os.environ or not os.path.isdir(MEMORY):
        return
    if shutil.disk_usage(MEMORY).free >= ROOM:
        # What pytest keeps of the tests' own files stays where it is.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


def pytest_report_header(config: pytest.Config) -> str:
    return f"PostgreSQL {config.getoption('--pg')}, EVIDENT_SEED={SEED}"


@dataclass
class Database:
    """A database of one test; it closes the connections that it gave out."""

    name: str
    server: Server
    connections: list[psycopg.Connection[Any]] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        return self.server.uri_for(self.name)

    def connect(self, **kwargs: Any) -> psycopg.Connection[Any]:
        connection = connect(self.dsn, **kwargs)
        self.connections.append(connection)
        return connection

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


@pytest.fixture(scope="session")
def major(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--pg"))


@pytest.fixture(scope="session")
def server(major: int) -> Iterator[Server]:
    with ephemeral(major, {**SETTINGS, **profile.settings()}) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """Name a database with the engine and the examples."""
    create_database(server, TEMPLATE, "template0")
    migrate(server.uri_for(TEMPLATE), examples=True)
    return TEMPLATE


@pytest.fixture
def db(server: Server, template: str) -> Iterator[Database]:
    """Give a migrated database of its own to one test."""
    with fresh_database(server, template) as database:
        yield database


@pytest.fixture
def empty_db(server: Server) -> Iterator[Database]:
    """Give an empty database of its own to one test."""
    with fresh_database(server, "template0") as database:
        yield database


@contextlib.contextmanager
def fresh_database(server: Server, template: str) -> Iterator[Database]:
    """Make a database of its own from a template, and drop it at the end."""
    database = Database(f"evident_test_{next(_numbers)}", server)
    create_database(server, database.name, template)
    try:
        yield database
    finally:
        database.close()
        profile.harvest(server, database.name)
        statement = sql.SQL("drop database {} with (force)").format(
            sql.Identifier(database.name)
        )
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(statement)


def create_database(server: Server, name: str, template: str) -> None:
    """Copy a database. Its files: without fsync less than half the work of a log."""
    statement = sql.SQL("create database {} template {} strategy file_copy").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(statement)
