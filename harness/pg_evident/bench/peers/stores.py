"""Put the peers' own tables and functions into the template database, and fill them.

Each is installed as its package does it, without any change, and holds as many
events of as many streams as Evident's table.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pg_evident.bench.peers.install import Installed, node
from pg_evident.bench.stage.schema import EVENT_TYPE, PAYLOAD, WRITER, aggregates
from pg_evident.bench.stage.server import TEMPLATE, Bench
from pg_evident.database import connect
from pg_evident.failure import Failure

Connection = psycopg.Connection[Any]

# A package's install scripts name its files in the order in which they are run.
_SCRIPTS = (
    "install.sh",
    "install-functions.sh",
    "install-indexes.sh",
    "install-views.sh",
    "install-privileges.sh",
)
_FILE = re.compile(r"-f \$base/(\S+\.sql)|run_psql_file \$base/(\S+\.sql)")
_PGCRYPTO = "extensions/pgcrypto.sql"

_PRINT_SCHEMA = (
    "import {{ schemaSQL }} from '{package}';"
    "process.stdout.write(JSON.stringify(schemaSQL));"
)

_STREAM = "md5('filled/' || i.number::text)::uuid"
_ROWS = (
    "from generate_series(0, %(aggregates)s - 1) as i (number)"
    " where (%(version)s - 1) * %(aggregates)s + i.number < %(events)s"
)
_FILL_MESSAGE_DB = (
    "select message_store.write_message(gen_random_uuid()::varchar,"
    f" ('order-' || {_STREAM})::varchar, %(event_type)s::varchar, %(payload)s::jsonb,"
    f" null::jsonb, %(version)s::bigint - 2) {_ROWS}"
)
_FILL_EMMETT = (
    "select emt_append_to_stream(array[gen_random_uuid()::text], array[%(payload)s]"
    "::jsonb[], array['{}']::jsonb[], array['1'], array[%(event_type)s]::text[],"
    f" array['E'], 'order-' || {_STREAM}, 'order', %(version)s::bigint - 1,"
    f" 'emt:default') {_ROWS}"
)
_FILL_EVENTSOURCING = (
    f"select es_insert_events_uuid(array(select row({_STREAM}, %(version)s::bigint,"
    " %(event_type)s::text, convert_to(%(payload)s, 'UTF8'))::stored_event_uuid"
    f" {_ROWS}))"
)
_FILL_DCB = (
    "select dcb_unconditional_append_tt(array(select row(%(event_type)s::text,"
    f" convert_to(%(payload)s, 'UTF8'), array['order-' || {_STREAM}])::dcb_event_tt"
    f" {_ROWS}))"
)

# What message-db's callers need: it does not name its schema in its own functions.
# The same for all candidates, whose own statements do not depend on it.
_WRITER = f"""
alter role {WRITER} set search_path = message_store, public;
grant all on all tables in schema public to {WRITER};
grant all on all sequences in schema public to {WRITER};
"""


@dataclass(frozen=True)
class Store:
    """A peer's tables: how they are made and filled; `install` gives statements."""

    install: Callable[[Bench, Connection, Installed], Mapping[str, str]]
    fill: str
    tables: Sequence[str]


def build_stores(
    bench: Bench, stores: Mapping[str, tuple[Store, Installed]]
) -> dict[str, str]:
    """Install and fill the stores; return the statements that their clients send."""
    statements: dict[str, str] = {}
    uri = bench.server.uri_for(TEMPLATE)
    for store, installed in stores.values():
        # One connection each: message-db's needs a search_path.
        with connect(uri, autocommit=True) as connection:
            try:
                statements.update(store.install(bench, connection, installed))
                _fill(bench, connection, store)
            except psycopg.Error as error:
                package = installed.package
                raise Failure(
                    f"{package.name} {installed.version} cannot be set up: {error}",
                    f"version {package.tested} could be",
                ) from error
    with connect(uri, autocommit=True) as connection:
        connection.execute(_WRITER)
        if any(store is MESSAGE_DB for store, _ in stores.values()):
            connection.execute(f"grant message_store to {WRITER}")
    return statements


def _fill(bench: Bench, connection: Connection, store: Store) -> None:
    """Append one event to each stream, again and again, as if they grew together."""
    streams = aggregates(bench.events)
    for version in range(1, -(-bench.events // streams) + 1):
        connection.execute(
            store.fill.encode(),
            {
                "aggregates": streams,
                "version": version,
                "events": bench.events,
                "event_type": EVENT_TYPE,
                "payload": PAYLOAD,
            },
        )
        if version in (1, 10):
            # Else the next versions are looked up without an index.
            _tend(connection, store, "analyze")
    _tend(connection, store, "vacuum (freeze, analyze)")


def _tend(connection: Connection, store: Store, command: str) -> None:
    for table in store.tables:
        name = sql.Identifier(*table.split("."))
        connection.execute(sql.SQL(command + " {}").format(name))


def _install_message_db(
    _: Bench, connection: Connection, installed: Installed
) -> Mapping[str, str]:
    """Run the files that its install scripts name, in their order."""
    folder = installed.folder / "node_modules" / installed.package.name / "database"
    known = connection.execute(
        "select from pg_available_extensions where name = 'pgcrypto'"
    ).fetchone()
    for script in _SCRIPTS:
        for found in _FILE.findall((folder / script).read_text()):
            file = "".join(found)
            # Its only use is gen_random_uuid(), which PostgreSQL has had since 13;
            # the embedded server comes without extensions.
            if file != _PGCRYPTO or known:
                connection.execute((folder / file).read_bytes())
    connection.execute("set search_path = message_store, public")
    return {}


def _install_emmett(
    _: Bench, connection: Connection, installed: Installed
) -> Mapping[str, str]:
    """Run the statements that the package exports as its schema."""
    program = _PRINT_SCHEMA.format(package=installed.package.name)
    done = node(["--input-type=module", "-e", program], installed.folder)
    if done.returncode:
        raise Failure("Emmett's schema could not be read", done.stderr.strip())
    for statement in json.loads(done.stdout):
        connection.execute(statement.encode())
    return {}


def _install_recorders(
    bench: Bench, _: Connection, installed: Installed
) -> Mapping[str, str]:
    """Let the package's own recorders make their tables, in a process of its own."""
    server = bench.server
    words = [str(installed.folder), str(server.sockets), str(server.port), TEMPLATE]
    done = subprocess.run(
        [sys.executable, "-m", "pg_evident.bench.peers.recorders", *words],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Failure("eventsourcing's tables could not be made", done.stderr.strip())
    found: dict[str, str] = json.loads(done.stdout)
    return found


MESSAGE_DB = Store(_install_message_db, _FILL_MESSAGE_DB, ["message_store.messages"])
EMMETT = Store(_install_emmett, _FILL_EMMETT, ["emt_streams", "emt_messages"])
EVENTSOURCING = Store(_install_recorders, _FILL_EVENTSOURCING, ["stored_events"])
DCB = Store(
    _install_recorders,
    _FILL_DCB,
    ["dcb_events_tt_main", "dcb_events_tt_tag"],
)
