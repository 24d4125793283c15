"""Run install.sql and uninstall.sql as clients do, and compare what they leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pglast
import psycopg

from pg_evident import places
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from support.checkers.fingerprint import fingerprint
from support.clients.dbas import run
from support.servers.psql import run_psql

INSTALL = places.INSTALL
UNINSTALL = places.UNINSTALL
SCRIPTS = {"install": INSTALL, "uninstall": UNINSTALL}
GOES_ON = ("-v", "ON_ERROR_STOP=0")
# psql makes a savepoint before each statement, and commits what did not fail.
SAVES = (*GOES_ON, "-v", "ON_ERROR_ROLLBACK=on")
NOT_ONE = "nothing is done: this script runs in one transaction"
SEALED = (
    "select evident.append_event(gen_random_uuid(), 'Kept', '{}', 0)",
    "select evident.seal()",
)


def by_i_after_begin(server: Server, dsn: str, script: Path, tmp_path: Path) -> str:
    """Run the script in a transaction that others' statements begin and end."""
    around = tmp_path / "around.sql"
    around.write_text(
        f"begin;\n\\i {script}\ncreate temporary table made ();\ncommit;\n"
    )
    return run_psql(server, dsn, around, *SAVES, is_one=False).stderr


def as_one_message(_server: Server, dsn: str, script: Path, _tmp_path: Path) -> str:
    try:
        run(dsn, script.read_text())
    except psycopg.Error as error:
        return as_psql_says(error)
    return ""


def by_statements(_server: Server, dsn: str, script: Path, _tmp_path: Path) -> str:
    """Do as migration tools and drivers with autosave do, and commit in any case."""
    said = []
    with connect(dsn, autocommit=True) as connection, connection.transaction():
        for statement in pglast.split(script.read_text()):
            try:
                with connection.transaction():
                    connection.execute(statement.encode())
            except psycopg.Error as error:
                said.append(as_psql_says(error))
    return "\n".join(said)


def as_psql_says(error: psycopg.Error) -> str:
    return f"{error.diag.message_primary}\nHINT: {error.diag.message_hint}"


# Each runs a script in one transaction, and returns what was refused.
WAYS: dict[str, Callable[[Server, str, Path, Path], str]] = {
    "psql -1": lambda server, dsn, script, _: run_psql(server, dsn, script).stderr,
    "psql -1 that goes on": lambda server, dsn, script, _: (
        run_psql(server, dsn, script, *GOES_ON).stderr
    ),
    "psql -1 with savepoints": lambda server, dsn, script, _: (
        run_psql(server, dsn, script, *SAVES).stderr
    ),
    "psql by \\i": by_i_after_begin,
    "one message": as_one_message,
    "single statements with savepoints": by_statements,
}


def install(server: Server, dsn: str) -> None:
    """Install with psql, in a fraction of the time of eight migrations."""
    done = run_psql(server, dsn, INSTALL)
    assert done.returncode == 0, done.stderr


def everything(dsn: str) -> tuple[object, ...]:
    """Give what a script could change: the catalog, and what is stored."""
    with connect(dsn, autocommit=True) as connection:
        counts = connection.execute(
            "select (select count(*) from pg_proc), (select count(*) from pg_class"
            # A session that has just ended drops its own a moment later.
            " where relpersistence <> 't'),"
            " (select count(*) from pg_roles), (select count(*) from pg_auth_members)"
        ).fetchone()
        catalog = (fingerprint(connection), counts)
        row = connection.execute("select to_regclass('evident.tree_head')").fetchone()
        if row == (None,):
            return (catalog,)
        rows = connection.execute(
            "select array(select e::text from evident.event_store as e order by e.id),"
            " array(select h::text from evident.tree_head as h order by h),"
            " array(select t::text from evident.ledger_tile as t order by t)"
        ).fetchone()
        return (catalog, rows)


def require_nothing_changed(dsn: str, said: str, *actions: Callable[[], str]) -> None:
    """Run a script that is to be refused, in few words, and compare what there is."""
    before = everything(dsn)
    for action in actions:
        error = action()
        assert said in error, error
        assert "HINT" in error
        assert len(error.splitlines()) < 12, error
        assert everything(dsn) == before, "a part of the script was done"


def in_parts(path: Path, to: Path) -> Path:
    """Write the script as it would be without its one statement and without marks."""
    text = "".join(re.findall(r"\$part\$(.*?)\$part\$", path.read_text(), re.S))
    assert "drop table" in text or "create table" in text
    to.write_text(text)
    return to
