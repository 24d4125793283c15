"""Promises 14 and 15: the commands take a name for a name, and show it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from psycopg import sql

from conftest import create_database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from support.clients.odd_life import Life
from support.clients.odd_names import Model, make
from support.models.ledger_lab import evident

pytestmark = [pytest.mark.promise(14, 15), pytest.mark.once]

# Markup of the terminal's tables and of the report, and what psycopg, a URI, a
# connection string and SQL take for their own.
ODD = "[/x] <b>%s'\"\\"
DATABASES = [ODD, "a/b?host=c&d#e@f:1", "two words", "'; drop table x; --", "\u202eodd"]
AGGREGATE = UUID(int=1)
ORIGIN = "</title><script>[/x]'\"\\%s"


@pytest.fixture(params=DATABASES)
def odd_dsn(
    request: pytest.FixtureRequest, server: Server, template: str
) -> Iterator[str]:
    """Make a database and a superuser's login of its owner, both with an odd name."""
    name = sql.Identifier(request.param)
    create_database(server, request.param, template)
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role {} login superuser").format(name).as_bytes()
        )
        user = quote(request.param, safe="")
        yield server.uri_for(request.param).replace("postgres@", f"{user}@")
        drop = sql.SQL("drop database {} with (force)").format(name)
        connection.execute(drop.as_bytes())
        connection.execute(sql.SQL("drop role {}").format(name).as_bytes())


def done(*words: str | Path) -> str:
    code, said = evident(*words)
    assert code == 0, said
    return said


def test_every_command_works_where_all_has_an_odd_name(
    odd_dsn: str, tmp_path: Path
) -> None:
    model = Model(table=ODD, key=ODD, fold=ODD, column="[/y]")
    dsn = ["--dsn", odd_dsn]
    with connect(odd_dsn, autocommit=True) as connection:
        make(connection, model, has_keys=False)
        life = Life(connection, connection, model, "run", ODD)
        life.name = life.create()
        life.append(AGGREGATE)
        connection.execute("select evident.begin_incarnation(%s, %s)", [ODD, ORIGIN])
        connection.execute("select evident.create_consumer(%s, 1, %s)", [ODD, [ODD]])
        claim = "select c.partition from evident.claim_events(%s, %s, 9, '1 hour') as c"
        assert connection.execute(claim, [ODD, ODD]).fetchall() != []

        done("work", "--once", *dsn)
        assert life.name in done("rebuild", life.name, *dsn)
        done("migrate", *dsn)
        done("status", *dsn)
        done("drift", *dsn)
        lost = sql.SQL("delete from {table}").format(**model.identifiers())
        connection.execute(lost.as_bytes())
        code, said = evident("drift", *dsn)
        assert code == 1
        assert life.name in said
        done("rebuild", "--all", *dsn)

        key, kept, export = tmp_path / "key", tmp_path / "kept", tmp_path / "export"
        done("keygen", "--out", key, "--name", "example.com/odd")
        verifier_key = tmp_path / "vkey"
        verifier_key.write_text(done("keygen", "--show", key))
        done("seal", *dsn)
        accepted = ("--accept-incarnation", "2")
        done("publish", "--key", key, "--out", kept, *accepted, *dsn)
        done("export", export, *dsn)
    page = tmp_path / "report.html"
    words = ["--key", verifier_key, "--checkpoints", kept, "--html", page]
    done("verify", export, *words)
    assert "<script>" not in page.read_text()
