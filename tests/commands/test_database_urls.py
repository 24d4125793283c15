"""Any libpq connection string reaches the same database through psycopg and yoyo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo
from yoyo import get_backend
from yoyo.backends import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri

from pg_evident.cli.target import resolve_dsn
from pg_evident.database import connect, parameters, yoyo_url
from pg_evident.failure import Failure
from pg_evident.server.temporary import ephemeral

pytestmark = pytest.mark.once

PASSWORD = "p@ss/w%rd"
# Every connection asks for it.
UTF8 = {"client_encoding": "UTF8"}

# What a value may contain: anything but NUL and lone surrogates.
values = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20
)


def what_yoyo_passes_on(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the keywords with which yoyo calls psycopg.connect."""
    seen: dict[str, Any] = {}

    class Connection:
        autocommit = False

    def record(**kwargs: Any) -> Connection:
        seen.update(kwargs)
        return Connection()

    monkeypatch.setattr(psycopg, "connect", record)
    backend = PostgresqlPsycopgBackend.__new__(PostgresqlPsycopgBackend)
    backend.connect(parse_uri(url))
    return {key: value for key, value in seen.items() if value != ""}


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://",
        "postgres://localhost/shop",
        "postgresql://app@Db.Example.org:6432/shop",
        "postgresql://app:p%40ss%2Fw%25rd@localhost/shop",
        "postgresql:///shop?host=/var/run/postgresql&port=5433",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/shop",
        "postgresql://a:1,b:2/shop?target_session_attrs=read-write",
        "postgresql://[::1]:5432/shop?sslmode=require&application_name=a%20b%26c",
        "postgresql:///two%20words?options=-c%20statement_timeout%3D5s",
        r"host=/tmp dbname=shop user=app password='p@ss/w%rd it\'s'",
        "host=localhost",
        r"dbname='it\'s' user=é",
    ],
)
def test_yoyo_passes_on_what_libpq_understands(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert what_yoyo_passes_on(yoyo_url(dsn), monkeypatch) == parameters(dsn) | UTF8


# A busy machine draws slowly; how slowly is no matter of the rule.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(user=values, password=values, host=values, dbname=values, options=values)
def test_no_character_of_a_value_is_lost(
    user: str, password: str, host: str, dbname: str, options: str
) -> None:
    given_parts = {
        "user": user,
        "password": password,
        "host": host,
        "dbname": dbname,
        "options": options,
    }
    dsn = make_conninfo("", **given_parts)
    with pytest.MonkeyPatch.context() as monkeypatch:
        passed_on = what_yoyo_passes_on(yoyo_url(dsn), monkeypatch)
    assert passed_on == given_parts | UTF8


def test_the_schema_for_yoyos_tables_is_yoyos_own_option() -> None:
    assert parse_uri(yoyo_url("dbname=shop", "evident_yoyo")).args == {
        "dbname": "shop",
        "schema": "evident_yoyo",
        **UTF8,
    }


def test_the_given_dsn_goes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///from_environment")
    assert resolve_dsn("dbname=given") == "dbname=given"
    assert resolve_dsn(None) == "postgresql:///from_environment"
    assert resolve_dsn("") == "postgresql:///from_environment"


def test_a_driver_in_the_scheme_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://app@db/shop")
    assert resolve_dsn() == "postgresql://app@db/shop"


@pytest.mark.parametrize("dsn", ["mysql://localhost/shop", "not a dsn", "port"])
def test_what_libpq_cannot_parse_is_refused_with_an_example(dsn: str) -> None:
    with pytest.raises(Failure) as refusal:
        resolve_dsn(dsn)
    assert refusal.value.hint is not None and "postgresql://" in refusal.value.hint


def test_a_refused_dsn_does_not_show_its_password() -> None:
    with pytest.raises(Failure) as refusal:
        resolve_dsn("postgresql://app:secret@host:port:port/shop?nonsense")
    assert "secret" not in refusal.value.message


def test_real_connections_by_socket_and_tcp_with_an_awkward_password(
    major: int, tmp_path: Path
) -> None:
    with ephemeral(major, {"fsync": "off"}, tcp=True) as server:
        with connect(server.uri, autocommit=True) as connection:
            connection.execute('create database "it\'s a shop"')
            connection.execute(
                f"create role \"a p:p\" login superuser password '{PASSWORD}'"
            )
        require_passwords(server.data_dir / "pg_hba.conf")
        server.restart()
        places = (str(server.sockets), "127.0.0.1")
        for host in places:
            conninfo = make_conninfo(
                "",
                host=host,
                port=server.port,
                user="a p:p",
                password=PASSWORD,
                dbname="it's a shop",
                options="-c statement_timeout=7s",
            )
            for dsn in (conninfo, as_uri(conninfo)):
                with connect(dsn) as connection:
                    assert facts(connection) == ("a p:p", "it's a shop", "7s")
                with get_backend(yoyo_url(dsn)) as backend:
                    assert facts(backend.connection) == ("a p:p", "it's a shop", "7s")
        with pytest.raises(psycopg.OperationalError, match="password"):
            connect(make_conninfo(conninfo, password="p@ss"))


def require_passwords(hba: Path) -> None:
    hba.write_text(hba.read_text().replace(" trust", " scram-sha-256"))


def as_uri(conninfo: str) -> str:
    """Spell a conninfo string as the URI that libpq reads the same."""
    from urllib.parse import quote

    parts = {
        option.keyword.decode(): quote(option.val.decode(), safe="")
        for option in Conninfo.parse(conninfo.encode())
        if option.val is not None
    }
    return (
        f"postgresql://{parts['user']}:{parts['password']}@{parts['host']}"
        f":{parts['port']}/{parts['dbname']}?options={parts['options']}"
    )


def facts(connection: psycopg.Connection[Any]) -> tuple[str, str, str]:
    row = connection.execute(
        "select current_user::text, current_database()::text,"
        " current_setting('statement_timeout')"
    ).fetchone()
    assert row is not None
    return row
