"""A login that may audit and nothing else, and what a publisher keeps outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Database, create_database, fresh_database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from support.clients.calls import Connection
from support.clients.publishing import AUDITOR, AUDITOR_SQL, Outside, outside
from support.models.ledger_lab import PUBLISHED, Lab
from support.servers.pair import primary_and_standby


@pytest.fixture(scope="session")
def auditor(server: Server, template: str) -> Iterator[str]:
    """Make a login with the role evident_auditor; the template has made that role."""
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(AUDITOR_SQL)
        yield AUDITOR


@pytest.fixture
def kept(tmp_path: Path, auditor: str) -> Outside:
    """Give a key and a directory for checkpoints that is not there yet."""
    return outside(tmp_path)


@pytest.fixture
def owner(db: Database) -> Connection:
    """Give a superuser's connection to the test's database."""
    return db.connect(autocommit=True)


@pytest.fixture(scope="session")
def published(
    server: Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Lab:
    """Give a store with published history, to be copied and never changed."""
    create_database(server, PUBLISHED, template)
    lab = Lab(
        Database(PUBLISHED, server), tmp_path_factory.mktemp("published") / "outside"
    )
    lab.build()
    lab.db.close()
    return lab


@pytest.fixture
def lab(published: Lab, server: Server, tmp_path: Path) -> Iterator[Lab]:
    """Give a copy of the published store, and of what lies outside of it."""
    with fresh_database(server, PUBLISHED) as db:
        yield published.copy(db, tmp_path / "outside")


@pytest.fixture(scope="session")
def servers(major: int) -> Iterator[tuple[Server, Server]]:
    """Give a primary with a template, and its standby, both to be left running."""
    with primary_and_standby(major) as both:
        yield both
