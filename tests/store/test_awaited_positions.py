"""A position that is waited for is one whose event this server has."""

from __future__ import annotations

import psycopg
import pytest

from conftest import SETTINGS, Database
from pg_evident.database import connect
from pg_evident.migrate.run import migrate
from pg_evident.server.temporary import ephemeral
from support.clients.projection_steps import ONE, TWO, append
from support.clients.store import LOGIN_SQL, Store
from support.models.projection_models import ASYNC, SYNC, make_models
from support.servers.standby import standby_of, wait_for_replay

pytestmark = pytest.mark.promise(8)

WAIT = "select evident.wait_for_projection(%s, %s::bigint, '0')"


def test_a_standby_has_what_it_has_replayed(major: int) -> None:
    with ephemeral(major, SETTINGS) as primary:
        migrate(primary.uri)
        with (
            standby_of(primary) as standby,
            connect(primary.uri, autocommit=True) as here,
        ):
            here.execute(LOGIN_SQL.encode())
            make_models(here, [SYNC])
            append(here, ONE)
            wait_for_replay(primary, standby)
            with connect(standby.uri, autocommit=True) as there:
                there.execute("select pg_wal_replay_pause()")
                append(here, TWO)
                assert there.execute(WAIT, [SYNC.name, 1]).fetchone() == (True,)
                assert there.execute(WAIT, [SYNC.name, None]).fetchone() == (True,)
                assert there.execute(WAIT, [SYNC.name, 2]).fetchone() == (False,)
                there.execute("select pg_wal_replay_resume()")
                wait_for_replay(primary, standby)
                assert there.execute(WAIT, [SYNC.name, 2]).fetchone() == (True,)


def test_a_transaction_that_has_appended_is_told_that_it_would_wait_in_vain(
    store: Store, db: Database
) -> None:
    with db.connect(autocommit=True) as observer:
        make_models(observer, [SYNC, ASYNC])
        append(observer, ONE)
        observer.execute("select evident.run_projection(%s)", [ASYNC.name])
    with store.connect() as connection:
        connection.execute("begin")
        append(connection, TWO)
        assert connection.execute(WAIT, [SYNC.name, 2]).fetchone() == (True,)
        assert connection.execute(WAIT, [ASYNC.name, 1]).fetchone() == (True,)
        with pytest.raises(psycopg.Error) as told:
            connection.execute("select evident.wait_for_projection(%s)", [ASYNC.name])
        assert told.value.sqlstate == "PT400"
        assert "after the commit" in (told.value.diag.message_hint or "")
