"""A store on a server of its own, which a test may kill, copy and leave."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from conftest import TEMPLATE, Database, create_database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.clients.publishing import AUDITOR_SQL
from support.clients.store import LOGIN_SQL

# An answer is on the disk of the server. The disk itself does not fail here, so that
# nothing is gained by waiting for it.
ANSWERED = {
    "fsync": "off",
    "synchronous_commit": "on",
    "max_prepared_transactions": "20",
    "max_connections": "100",
    "wal_receiver_status_interval": "1s",
}


@contextlib.contextmanager
def store_on_its_own(
    major: int, settings: Mapping[str, str] = ANSWERED
) -> Iterator[Database]:
    """Run a server with a migrated database and the logins of the tests."""
    with ephemeral(major, settings) as server:
        make_store(server)
        with contextlib.closing(Database(TEMPLATE, server)) as database:
            yield database


def make_store(server: Server) -> None:
    create_database(server, TEMPLATE, "template0")
    migrate(server.uri_for(TEMPLATE), examples=True)
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(LOGIN_SQL)
        connection.execute(AUDITOR_SQL)
