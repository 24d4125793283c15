"""Long-running commands keep nothing in a session, and live longer than theirs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pg_evident.server.cluster import Server
from support.clients.feed_work import append_some, writing
from support.clients.programs import finish, start_at
from support.clients.relays import file_violations
from support.clients.store import LOGIN, Store
from support.clients.waiting import wait_for
from support.models.ledger_lab import done, evident
from support.models.projection_models import ASYNC, make_models
from support.servers.poolers import PGBOUNCER, PooledStore, pooler_for

Observer = psycopg.Connection[Any]

pytestmark = [
    pytest.mark.promise(35),
    pytest.mark.skipif(
        PGBOUNCER is None, reason="no pgbouncer: see tests/system_packages.sh"
    ),
    pytest.mark.once,
]

# What a session can keep for the next client that gets it.
KEPT = """
select
    array(
        select s.name || ' ' || s.setting
        from pg_settings as s
        where s.source = 'session' and s.name not in ('application_name')
        order by s.name
    ),
    array(select c from pg_listening_channels() as c),
    (select count(*) from pg_prepared_statements),
    (
        select count(*)
        from pg_locks as l
        where l.locktype = 'advisory' and l.pid = pg_backend_pid()
    ),
    (select count(*) from pg_class as c where c.relpersistence = 't')
"""
# As relays did it once.
KEEPS = """
from pg_evident.relay import claims as relay_claims
relay_claims._SETTINGS = relay_claims._SETTINGS.replace("true", "false")
"""
LISTENS = """
import dataclasses
from pg_evident.relay import run as relay
begin = relay._begin
def listening(connection, state, *more):
    state.relay = dataclasses.replace(state.relay, listens=True)
    begin(connection, state, *more)
    state.relay = dataclasses.replace(state.relay, listens=False)
relay._begin = listening
"""
COMMANDS = [
    ["status"],
    ["work", "--once"],
    ["relay", "mail", "--partitions", "1", "--once", "--out", "{folder}/file"],
    ["seal"],
    ["rebuild", "--all"],
    ["drift"],
    ["publish", "--key", "{key}", "--out", "{folder}/checkpoints"],
    ["export", "{folder}/export"],
]


@pytest.fixture
def pooled(store: Store, server: Server) -> Iterator[PooledStore]:
    """Give one server session to all clients in turn, as a superuser of the tests."""
    with pooler_for(server, store.db.name, "postgres", size=1) as uri:
        yield PooledStore(store.db, uri)


def kept(pooled: PooledStore) -> Any:
    """Ask the shared session what it keeps."""
    with psycopg.connect(pooled.uri, prepare_threshold=None) as connection:
        return connection.execute(KEPT).fetchone()


def test_no_command_leaves_anything_in_a_shared_session(
    store: Store, pooled: PooledStore, observer: Observer, tmp_path: Path
) -> None:
    name = store.db.name
    observer.execute(f"alter database {name} set timezone = 'Europe/Berlin'".encode())
    observer.execute(f"alter database {name} set datestyle = 'German'".encode())
    make_models(observer, [ASYNC])
    append_some(store, 20)
    key = tmp_path / "key"
    done(evident("keygen", "--name", "example.com/o", "--out", key))
    before = kept(pooled)
    for words in COMMANDS:
        given = [each.format(folder=tmp_path, key=key) for each in words]
        code, said = evident(*given, "--dsn", pooled.uri)
        assert code == 0, f"{words[0]}: {said}"
        assert kept(pooled) == before, words[0]


@pytest.mark.twin_of(35)
@pytest.mark.parametrize("broken", [KEEPS, LISTENS], ids=["keeps", "listens"])
def test_a_relay_that_leaves_something_is_caught(
    store: Store, pooled: PooledStore, tmp_path: Path, broken: str
) -> None:
    append_some(store, 5)
    before = kept(pooled)
    words = ["relay", "mail", "--partitions", "1", "--once", "--out"]
    words.append(str(tmp_path / "file"))
    assert finish(start_at(pooled.uri, *words, broken=broken))[0] == 0
    assert kept(pooled) != before


TERMINATE = """
select count(pg_terminate_backend(a.pid, 5000))
from pg_stat_activity as a
where
    a.datname = current_database()
    and a.backend_type = 'client backend'
    and (a.usename = %s or a.application_name like 'evident %%')
    and a.pid <> pg_backend_pid()
    and a.application_name <> 'evident test'
"""
IS_THERE = "exists (select from evident.consumer_status)"
IS_DONE = "not exists (select from evident.consumer_status as s where s.lag > 0)"


@pytest.mark.parametrize("listens", [False, True], ids=["polls", "listens"])
def test_a_relay_lives_longer_than_its_session(
    store: Store, observer: Observer, tmp_path: Path, rng: Any, listens: bool
) -> None:
    path = tmp_path / "file"
    append_some(store, 1)
    words = ["relay", "mail", "--partitions", "2", "--limit", "20", "--out", str(path)]
    process = start_at(
        store.db.dsn.replace("postgres@", f"{LOGIN}@"),
        *words,
        *(["--listen"] if listens else []),
    )
    try:
        wait_for(observer, f"{IS_THERE} and {IS_DONE}")
        for _ in range(5):
            append_some(store, 30)
            observer.execute(TERMINATE, ["nobody"])
        append_some(store, 30)
        wait_for(observer, IS_DONE)
        process.send_signal(signal.SIGTERM)
    finally:
        code, _, err = finish(process)
    assert code == 0, err
    assert "connection lost, going on" in err
    assert file_violations(path, store.log()) == []


def test_a_relay_through_a_pooler_whose_sessions_end(
    store: Store,
    server: Server,
    observer: Observer,
    rng: Any,
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    append_some(store, 1)
    with pooler_for(server, store.db.name, LOGIN, size=2) as uri:
        words = ["relay", "mail", "--partitions", "2", "--limit", "20"]
        process = start_at(uri, *words, "--out", str(path))
        try:
            wait_for(observer, f"{IS_THERE} and {IS_DONE}")
            with writing(store, rng):
                for _ in range(5):
                    observer.execute(TERMINATE, ["nobody"])
                    append_some(store, 10)
            wait_for(observer, IS_DONE)
            process.send_signal(signal.SIGTERM)
        finally:
            code, _, err = finish(process)
    assert code == 0, err
    assert file_violations(path, store.log()) == []
