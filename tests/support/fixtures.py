"""Logins of a store, an observer beside them, and a server without our roles."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import sqlparse

from conftest import SETTINGS, Database, create_database, fresh_database
from pg_evident.database import connect
from pg_evident.server.cluster import Server
from pg_evident.server.temporary import ephemeral
from support.clients.dbas import run
from support.clients.store import LOGIN, LOGIN_SQL, Store
from support.seeds import random_source
from support.servers.install_scripts import install as install_engine
from support.twins import install


@pytest.fixture(scope="session")
def login(server: Server, template: str) -> Iterator[str]:
    """Make an ordinary login role; the template has made the roles it needs."""
    with connect(server.uri, autocommit=True) as connection:
        connection.execute(LOGIN_SQL)
        yield LOGIN


@pytest.fixture
def store(db: Database, login: str) -> Store:
    """Give a fresh store, whose connections are closed with its database."""
    return Store(db)


@pytest.fixture
def observer(db: Database) -> psycopg.Connection[Any]:
    """Give a superuser's connection for what an ordinary login may not see."""
    return db.connect(autocommit=True)


@pytest.fixture(scope="session")
def engine_template(server: Server) -> str:
    """Name a database with the engine alone."""
    name = "evident_engine"
    create_database(server, name, "template0")
    install_engine(server, server.uri_for(name))
    return name


@pytest.fixture
def engine_db(server: Server, engine_template: str) -> Iterator[Database]:
    """Give a database with the engine, and without marks and read models."""
    with fresh_database(server, engine_template) as database:
        yield database


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Give a source of random numbers of this test's own, its seed printed."""
    return random_source(request.node.name)


@pytest.fixture
def twin(
    request: pytest.FixtureRequest, observer: psycopg.Connection[Any]
) -> Callable[[str], None]:
    """Replace part of this test's own database by a deliberately broken variant."""

    def spoil(name: str) -> None:
        install(observer, name)
        request.node.user_properties.append(("broken", name))

    return spoil


@pytest.fixture(scope="session")
def cluster(major: int) -> Iterator[Server]:
    """Give a server without our roles."""
    with ephemeral(major, SETTINGS) as running:
        yield running


@pytest.fixture
def alone(cluster: Server) -> Iterator[Server]:
    """Give a server without our roles, with two DBAs who are no superusers.

    Database one is for dba1; two, for dba2, is there when a test asks for `second`.
    """
    run(
        cluster.uri,
        "create role dba1 login createrole; create role dba2 login createrole;"
        " create role app login; create role mallory login",
        "create database one",
        "grant create on database one to dba1",
    )
    yield cluster
    run(
        cluster.uri,
        "drop database one (force)",
        "drop database if exists two (force)",
    )
    roles = run(
        cluster.uri,
        "select string_agg(r.rolname, ', ') from pg_roles as r"
        " where r.rolname <> 'postgres' and r.rolname !~ '^pg_'",
    )
    run(cluster.uri, f"drop role {roles[0][0]}")


@pytest.fixture
def second(alone: Server) -> Server:
    """Give the server of `alone` with the second database."""
    run(alone.uri, "create database two", "grant create on database two to dba2")
    return alone


@pytest.fixture(scope="session", autouse=True)
def _split_once() -> Iterator[None]:
    """Have yoyo split each text once: it does so, for a second, in every command."""
    split = functools.cache(sqlparse.split)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sqlparse, "split", lambda text, **kwargs: [*split(text, **kwargs)]
        )
        yield
