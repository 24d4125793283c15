"""A primary that has the engine in a template, and a standby of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from conftest import SETTINGS, TEMPLATE, create_database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.clients.publishing import AUDITOR_SQL
from support.servers.install_scripts import install
from support.servers.standby import PROMPT, standby_of


@contextlib.contextmanager
def primary_with_template(major: int) -> Iterator[Server]:
    """Run a server with the engine in its template, and an auditor."""
    with ephemeral(major, SETTINGS | PROMPT) as primary:
        create_database(primary, TEMPLATE, "template0")
        install(primary, primary.uri_for(TEMPLATE))
        with connect(primary.uri, autocommit=True) as connection:
            connection.execute(AUDITOR_SQL)
        yield primary


@contextlib.contextmanager
def primary_and_standby(major: int) -> Iterator[tuple[Server, Server]]:
    """Run such a server, and a hot standby of it."""
    with primary_with_template(major) as primary, standby_of(primary) as standby:
        yield primary, standby
