"""pg_cron can be the worker: one job that runs all projections."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from conftest import SETTINGS, Database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.temporary import ephemeral
from support.checkers.projections import drift
from support.clients.calls import Entry, append_events, events_of
from support.clients.store import LOGIN, LOGIN_SQL, Store
from support.clients.waiting import wait_for
from support.models.worker_models import IS_FOLDED, create_read_models
from support.seeds import FULL

pytestmark = pytest.mark.once

Observer = psycopg.Connection[Any]

# Background workers, so that pg_cron needs no password and no address.
CRON = {
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": "postgres",
    "cron.use_background_workers": "on",
}
JOB = "select evident.run_projection(s.name) from evident.projection_status as s"
SCHEDULE = "select cron.schedule('evident', %s, %s)"
HAS_SUCCEEDED = """
exists (select from cron.job_run_details as d where d.status = 'succeeded')
"""


@pytest.fixture
def scheduled(major: int) -> Iterator[Store]:
    """Give a store on a server with pg_cron, whose ordinary login may schedule."""
    with ephemeral(major, SETTINGS) as server:
        with connect(server.uri) as connection:
            found = connection.execute(
                "select from pg_available_extensions as e where e.name = 'pg_cron'"
            ).fetchone()
        if found is None:
            pytest.skip("this server has no pg_cron; Debian's and Ubuntu's have")
        server.stop()
        with (server.data_dir / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in CRON.items())
        server.start()
        migrate(server.uri)
        database = Database("postgres", server)
        with connect(server.uri, autocommit=True) as connection:
            connection.execute(LOGIN_SQL)
            connection.execute("create extension pg_cron")
            connection.execute(f"grant usage on schema cron to {LOGIN}")
        try:
            yield Store(database)
        finally:
            database.close()


def version(store: Store) -> tuple[int, ...]:
    with connect(store.db.dsn) as connection:
        row = connection.execute(
            "select e.extversion from pg_extension as e where e.extname = 'pg_cron'"
        ).fetchone()
    assert row is not None
    return tuple(int(part) for part in row[0].split("-")[0].split("."))


def prepare(store: Store) -> None:
    with connect(store.db.dsn, autocommit=True) as observer:
        create_read_models(observer)
    append_some(store)


def append_some(store: Store) -> None:
    with store.connect() as connection:
        for _ in range(20):
            append_events(connection, [Entry(uuid.uuid4(), 0, events_of("c", 3))])


def expect_folded(store: Store, seconds: float) -> None:
    with connect(store.db.dsn, autocommit=True) as observer:
        wait_for(observer, IS_FOLDED, timeout=seconds)
        wait_for(observer, HAS_SUCCEEDED)
        assert drift(observer) == []


def test_the_job_folds_when_pg_cron_runs_it(scheduled: Store) -> None:
    prepare(scheduled)
    with scheduled.connect() as connection:
        connection.execute(SCHEDULE, ["@reboot", JOB])
    # What pg_cron runs at once, in place of waiting for the next minute.
    scheduled.db.server.restart()
    expect_folded(scheduled, 30)


def test_the_job_folds_again_and_again_as_scheduled(scheduled: Store) -> None:
    seconds = 5.0
    has_seconds = version(scheduled) >= (1, 5)
    prepare(scheduled)
    with scheduled.connect() as connection:
        if has_seconds:
            connection.execute(SCHEDULE, ["1 second", JOB])
        else:
            with pytest.raises(psycopg.Error, match="invalid schedule: 1 second"):
                connection.execute(SCHEDULE, ["1 second", JOB])
            if not FULL:
                pytest.skip("pg_cron below 1.5 knows minutes only: EVIDENT_FULL=1")
            connection.execute(SCHEDULE, ["* * * * *", JOB])
            seconds = 90.0
    expect_folded(scheduled, seconds)
    append_some(scheduled)
    expect_folded(scheduled, seconds)
