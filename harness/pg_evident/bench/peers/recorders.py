"""Make the tables and functions of the Python package eventsourcing in a database.

A program of its own, since that package is not in our environment:
`python -m pg_evident.bench.peers.recorders FOLDER HOST PORT DATABASE`, where FOLDER has
the package. Prints, as JSON, the statements that its client sends.
"""

from __future__ import annotations

import importlib
import json
import sys


def main(folder: str, host: str, port: str, database: str) -> None:
    """Install with the package's own recorders, in its default schema and names."""
    sys.path.insert(0, folder)
    postgres = importlib.import_module("eventsourcing.postgres")
    tagged = importlib.import_module("eventsourcing.dcb.postgres_tt")
    with postgres.PostgresDatastore(
        database, host, port, "postgres", "", enable_db_functions=True
    ) as datastore:
        events = postgres.PostgresApplicationRecorder(datastore)
        events.create_table()
        dcb = tagged.PostgresDCBRecorderTT(datastore)
        dcb.create_table()
        insert = events.sql_invoke_pg_function_insert_events
        statements = {
            "insert": insert.as_string(),
            "append": dcb.sql_conditional_append.as_string(),
        }
    print(json.dumps(statements))


if __name__ == "__main__":
    main(*sys.argv[1:])
