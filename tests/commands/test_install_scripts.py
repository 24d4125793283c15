"""The scripts act as a whole or not at all, whatever client and pooler do with them."""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pglast
import psycopg
import pytest

from pg_evident.database import connect
from pg_evident.migrate import fingerprint
from pg_evident.server.cluster import Server
from support.clients.dbas import run, uri
from support.servers.install_scripts import (
    INSTALL,
    NOT_ONE,
    SAVES,
    SCRIPTS,
    SEALED,
    UNINSTALL,
    WAYS,
    as_psql_says,
    everything,
    in_parts,
    install,
    require_nothing_changed,
)
from support.servers.poolers import pooler_for
from support.servers.psql import run_psql

SETTINGS = ("role", "search_path", "row_security", "lock_timeout", "statement_timeout")
SHOWS = "select " + ", ".join(
    f"current_setting('{name}') as {name}" for name in SETTINGS
)
# What stops an install, at its beginning and in its last part: how it is made, how it
# is taken away, and what the script says.
OBSTACLES = {
    "a role with login": (
        "create role evident_owner login",
        "drop role evident_owner",
        "exists already, with login",
    ),
    "an event trigger": (
        """
create function public.look() returns event_trigger language plpgsql as $$
begin
    if exists (
        select
        from pg_event_trigger_ddl_commands() as c
        where c.object_identity like 'evident.seal(%'
    ) then
        raise exception 'no seals here';
    end if;
end;
$$;
create event trigger looks on ddl_command_end when tag in ('CREATE FUNCTION')
execute function public.look()
""",
        "drop event trigger looks; drop function public.look()",
        "no seals here",
    ),
}


@pytest.mark.promise(24)
@pytest.mark.parametrize("script", SCRIPTS)
def test_outside_one_transaction_a_script_does_nothing_and_says_so(
    alone: Server, script: str
) -> None:
    path = SCRIPTS[script]
    dsn, whole = uri(alone, "one", "dba1"), uri(alone, "one")
    if path == UNINSTALL:
        install(alone, dsn)

    def run_by_psql(*words: str) -> str:
        done = run_psql(alone, dsn, path, *words, is_one=False)
        assert done.returncode == (0 if words else 3)
        return done.stderr

    query = (
        "select s.name, s.setting from pg_settings as s"
        " where s.name !~ '^plpgsql' order by s.name"
    )
    with connect(dsn, autocommit=True) as session:

        def run_by_statements() -> str:
            before = session.execute(query).fetchall()
            mark, *others = pglast.split(path.read_text())
            session.execute(mark.encode())
            for statement in others:
                with pytest.raises(psycopg.Error) as refused:
                    session.execute(statement.encode())
            assert session.execute(query).fetchall() == before
            return as_psql_says(refused.value)

        require_nothing_changed(
            whole,
            NOT_ONE,
            run_by_psql,
            partial(run_by_psql, *SAVES),
            run_by_statements,
        )


@pytest.mark.promise(24)
def test_inside_a_transaction_all_that_was_set_is_as_before(alone: Server) -> None:
    run(alone.uri, "alter database one set lock_timeout = '9s'")
    with psycopg.connect(uri(alone, "one")) as connection:

        def settings() -> tuple[str, ...] | None:
            return connection.execute(SHOWS.encode()).fetchone()

        connection.execute("set search_path = app, public")
        connection.commit()
        session = settings()
        connection.execute(
            "set local search_path = public; set local lock_timeout = 3;"
            " set local statement_timeout = '99s'"
        )
        before = settings()
        for path in (INSTALL, UNINSTALL, INSTALL):
            connection.execute(path.read_bytes())
            assert settings() == before
            connection.execute("create table orders (id integer)")
            connection.execute("drop table orders")
        connection.commit()
        assert settings() == session
        connection.execute("create table public.orders (id integer)")


@pytest.mark.twin_of(24)
def test_a_script_that_resets_nothing_is_told_apart(alone: Server) -> None:
    text = INSTALL.read_text()
    whole, _, _ = text.rpartition("-- What was set, as it was before.")
    with psycopg.connect(uri(alone, "one")) as connection:
        connection.execute(whole.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table public.orders (id integer)")


@pytest.mark.promise(24)
@pytest.mark.parametrize(
    ("user", "obstacle"),
    [("postgres", "a role with login"), ("dba1", "an event trigger")],
)
def test_an_install_that_fails_makes_nothing_whatever_the_client_does_then(
    alone: Server, tmp_path: Path, user: str, obstacle: str
) -> None:
    dsn = uri(alone, "one", user)
    made, undone, said = OBSTACLES[obstacle]
    run(uri(alone, "one"), made)
    require_nothing_changed(
        uri(alone, "one"),
        said,
        *(partial(way, alone, dsn, INSTALL, tmp_path) for way in WAYS.values()),
    )
    run(uri(alone, "one"), undone)
    # A limit for statements is none for the script.
    limited = f"{dsn}&options=-c%20statement_timeout%3D200"
    assert WAYS["psql -1 with savepoints"](alone, limited, INSTALL, tmp_path) == ""
    broken = "select from evident.guard_status() as g where not g.is_intact"
    assert run(uri(alone, "one"), broken) == []


@pytest.mark.promise(24)
def test_a_refused_uninstall_takes_nothing_whatever_the_client_does_then(
    alone: Server, tmp_path: Path
) -> None:
    dsn = uri(alone, "one", "dba1")
    install(alone, dsn)
    run(uri(alone, "one"), *SEALED)
    require_nothing_changed(
        uri(alone, "one"),
        "events are sealed",
        *(partial(way, alone, dsn, UNINSTALL, tmp_path) for way in WAYS.values()),
    )
    # The transaction around it continues with its own settings.
    around = tmp_path / "shows.sql"
    around.write_text(
        f"{SHOWS};\nbegin;\n{SHOWS};\n\\i {UNINSTALL}\n{SHOWS};\ncommit;\n"
    )
    done = run_psql(alone, dsn, around, *SAVES, "-A", "-t", is_one=False)
    shown = done.stdout.splitlines()
    assert len(shown) == 3 and len(set(shown)) == 1, shown


@pytest.mark.promise(24)
def test_in_one_transaction_a_script_is_done_whole(
    alone: Server, tmp_path: Path, major: int
) -> None:
    before = everything(uri(alone, "one"))
    for user, way in (
        ("dba1", "one message"),
        ("postgres", "single statements with savepoints"),
    ):
        dsn = uri(alone, "one", user)
        assert WAYS[way](alone, dsn, INSTALL, tmp_path) == ""
        with connect(uri(alone, "one")) as connection:
            assert fingerprint.installed(connection) == fingerprint.expected(major)
        assert WAYS[way](alone, dsn, UNINSTALL, tmp_path) == ""
        assert everything(uri(alone, "one")) == before


@pytest.mark.promise(24)
def test_by_i_inside_a_transaction_other_statements_follow(
    alone: Server, tmp_path: Path
) -> None:
    around = tmp_path / "around.sql"
    around.write_text(
        f"begin;\n\\i {INSTALL}\n"
        "create schema shop;\nset constraints all immediate;\n"
        "grant evident_writer to app;\ncommit;\n"
    )
    dsn = uri(alone, "one", "dba1")
    done = run_psql(alone, dsn, around, *SAVES, is_one=False)
    assert not done.stderr
    run(uri(alone, "one", "app"), SEALED[0])
    assert run(
        dsn,
        "select nspowner::regrole::text from pg_namespace as n"
        " where n.nspname = 'shop'",
    ) == [("dba1",)]


def on_each_connection(dsn: str, size: int) -> list[tuple[str, ...]]:
    """Ask every connection of a pool for its settings, and so open those missing."""
    query = f"{SHOWS}, current_setting('default_transaction_read_only')".encode()
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(dsn)) for _ in range(size)]
        return [client.execute(query).fetchall()[0] for client in clients]


@pytest.mark.promise(24)
@pytest.mark.parametrize(("user", "size"), [("postgres", 2), ("dba1", 3)])
def test_through_a_pooler_a_script_is_done_in_one_transaction_or_not_at_all(
    alone: Server, user: str, size: int
) -> None:
    dsn = uri(alone, "one")
    with pooler_for(alone, "one", user, size) as pooled:
        for script in SCRIPTS.values():
            shown = on_each_connection(pooled, size)

            def run_by_psql(script: Path = script) -> str:
                return run_psql(alone, pooled, script, *SAVES, is_one=False).stderr

            require_nothing_changed(dsn, NOT_ONE, run_by_psql)
            assert on_each_connection(pooled, size) == shown
            done = run_psql(alone, pooled, script)
            assert done.returncode == 0, done.stderr
            assert on_each_connection(pooled, size) == shown


@pytest.mark.twin_of(24)
@pytest.mark.parametrize(
    ("script", "is_one"), [("install", True), ("install", False), ("uninstall", True)]
)
def test_a_script_of_many_statements_is_told_apart(
    alone: Server, tmp_path: Path, script: str, is_one: bool
) -> None:
    dsn = uri(alone, "one")
    if script == "uninstall":
        install(alone, dsn)
        run(dsn, *SEALED)
        undone, said = "", "events are sealed"
    else:
        made, undone, said = OBSTACLES["an event trigger"]
        run(dsn, made)
    parts = in_parts(SCRIPTS[script], tmp_path / "parts.sql")

    def run_parts() -> str:
        if is_one:
            done = run_psql(alone, dsn, parts, *SAVES)
        else:
            with pooler_for(alone, "one", "postgres", 3) as pooled:
                on_each_connection(pooled, 3)
                done = run_psql(alone, pooled, parts, *SAVES, is_one=False)
        # The refusal alone: what follows from it is not what is looked at here.
        refusal = re.search(rf"^[^\n]*{said}.*?\n", done.stderr, re.M | re.S)
        return f"{refusal[0]}HINT" if refusal else done.stderr

    with pytest.raises(AssertionError, match="a part of the script was done"):
        require_nothing_changed(dsn, said, run_parts)
    run(dsn, undone)
