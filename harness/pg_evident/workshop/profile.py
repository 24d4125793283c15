"""Note which statements of the PL/pgSQL functions ran, for tests/report/coverage.py.

Only where EVIDENT_COVERAGE names a folder, and on servers that have plpgsql_check.
Its profiler counts in shared memory, so for all sessions, and statements that raise
as well. A count belongs to one version of a function in one database: what a test
has replaced is told from the original by its source.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import psycopg

from pg_evident.database import connect
from pg_evident.server.cluster import Server

SETTINGS = {
    "shared_preload_libraries": "plpgsql,plpgsql_check",
    "plpgsql_check.profiler": "on",
    "plpgsql_check.profiler_max_shared_chunks": "50000",
}
_STATEMENTS = """
select
    p.oid::regprocedure::text,
    p.prosrc,
    (
        select json_agg(json_build_array(s.stmtid, s.lineno, s.stmtname, s.exec_stmts))
        from plpgsql_profiler_function_statements_tb(p.oid) as s
    )
from pg_proc as p
inner join pg_language as l on p.prolang = l.oid
where
    l.lanname = 'plpgsql'
    and p.pronamespace::regnamespace::text in ('evident', 'shop')
    -- What create_projection makes is made and tried anew in many tests, in schemas
    -- and transactions that leave nothing to read.
    and coalesce(obj_description(p.oid, 'pg_proc'), '')
        not like 'Made by create_projection:%'
"""


def folder() -> Path | None:
    """Return where counts go; None when nobody asked for them."""
    given = os.environ.get("EVIDENT_COVERAGE")
    return Path(given) if given else None


def settings() -> dict[str, str]:
    """Return what a server needs in its configuration to count statements."""
    return SETTINGS if folder() else {}


def harvest(server: Server, database: str) -> None:
    """Write the counts of a database to a file of their own, and forget them.

    The database is about to be dropped: the extension stays in it.
    """
    kept = folder()
    if kept is None:
        return
    kept.mkdir(parents=True, exist_ok=True)
    try:
        with connect(server.uri_for(database), autocommit=True) as connection:
            connection.execute("set client_min_messages = warning")
            connection.execute("set statement_timeout = '60s'")
            connection.execute("create extension if not exists plpgsql_check")
            rows = connection.execute(_STATEMENTS).fetchall()
            connection.execute("select plpgsql_profiler_reset_all()")
    except psycopg.Error as error:
        # A test may leave a database that cannot be read.
        rows = []
        with (kept / "unread.txt").open("a", encoding="utf-8") as file:
            file.write(f"{database}: {error}\n")
    (kept / f"{uuid.uuid4().hex}.json").write_text(json.dumps(rows), encoding="utf-8")
