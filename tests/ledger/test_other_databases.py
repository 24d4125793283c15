"""Where the ledger cannot see all, or not as it was written, it says so."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.database import connect
from support.clients.store import LOGIN, Store
from support.models.ledger_lab import evident
from support.models.ledger_store import publish_at
from support.servers import dumps
from support.twins import install

Connection = psycopg.Connection[Any]

FEED = "select f.id, f.event_type from evident.read_feed(0) as f order by f.id"
APPEND = "select evident.append_event(gen_random_uuid(), 'A', '{}', 0)"
# Each function of the ledger; leaves 300 and more.
CALLS = {
    "leaf_hash": "select evident.leaf_hash(e) from evident.event_store as e order by 1",
    "root_hash": "select evident.root_hash(290)",
    "read_tile": "select evident.read_tile(0, 1, 30)",
    "inclusion_proof": "select p.* from evident.inclusion_proof(%s, 290) as p",
    "consistency_proof": "select evident.consistency_proof(3, 290)",
    "verify_ledger": "select v.* from evident.verify_ledger() as v",
    "seal": "select evident.seal()",
    "begin_incarnation": "select evident.begin_incarnation('a test')",
    "record_publication": "select evident.record_publication('none')",
}
EVENT = uuid.UUID(int=7)


def fill(db: Database) -> None:
    """Seal events whose text is another one where a letter is one byte."""
    with db.connect(autocommit=True) as connection:
        connection.execute(
            "select evident.append_event(%s, 'Größe', '{\"é\": 1, \"zz\": 2}', 0,"
            " p_event_id => %s)",
            [EVENT, EVENT],
        )
        connection.execute(
            "select count(evident.append_event(gen_random_uuid(), 'Noted',"
            " jsonb_build_object('n', n)))"
            " from generate_series(1, 300) as n"
        )
        connection.execute("select evident.seal()")


def outcome(connection: Connection, name: str) -> Any:
    """Give what a function answers, or its SQLSTATE; nothing stays."""
    try:
        with connection.transaction(force_rollback=True):
            parameters = [EVENT] if "%s" in CALLS[name] else []
            return connection.execute(CALLS[name].encode(), parameters).fetchall()
    except psycopg.Error as error:
        return error.sqlstate


# Encodings.


def in_encoding(db: Database, into: Database, encoding: str) -> Connection:
    """Restore a store into a database of an encoding; connect to it."""
    fill(db)
    with connect(db.server.uri, autocommit=True) as connection:
        connection.execute(f"drop database {into.name}".encode())
        connection.execute(
            f"create database {into.name} template template0"
            f" encoding '{encoding}' locale 'C'".encode()
        )
    dumps.restore(dumps.dump(db), into)
    return into.connect(autocommit=True, client_encoding="utf8")


def unrefused(connection: Connection) -> dict[str, Any]:
    """Name what answers in a database that is not UTF8, with the answer."""
    found = {name: outcome(connection, name) for name in CALLS}
    return {name: each for name, each in found.items() if each != "0A000"}


@pytest.mark.promise(13)
@pytest.mark.parametrize("encoding", ["LATIN9", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused_and_can_be_read(
    db: Database, empty_db: Database, tmp_path: Path, encoding: str
) -> None:
    connection = in_encoding(db, empty_db, encoding)
    assert unrefused(connection) == {}
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        connection.execute(APPEND)
    assert "encoding 'UTF8'" in (caught.value.diag.message_hint or "")
    with db.connect() as original:
        assert connection.execute(FEED).fetchall() == original.execute(FEED).fetchall()
    code, said = evident("work", "--once", "--dsn", empty_db.dsn)
    assert code == 0
    assert "nothing is sealed" in said
    relay = ["relay", "mail", "--partitions", "1", "--once", "--dsn", empty_db.dsn]
    code, said = evident(*relay, "--out", tmp_path / "relay.ndjson")
    assert code == 0
    assert "Größe" in (tmp_path / "relay.ndjson").read_text()
    code, said = evident("migrate", "--dsn", empty_db.dsn)
    assert (code, "Error" in said) == (0, False)
    code, said = evident("export", tmp_path / "export", "--dsn", empty_db.dsn)
    assert code != 0
    assert encoding in said
    assert "tampered" not in said


@pytest.mark.twin_of(13, name="a ledger that does not ask for the encoding")
def test_a_ledger_that_does_not_ask_for_the_encoding_is_caught(
    db: Database, empty_db: Database
) -> None:
    connection = in_encoding(db, empty_db, "LATIN9")
    install(connection, "indifferent_encoding")
    found = unrefused(connection)
    assert found["verify_ledger"] != []


# Policies.

# Each is a table of which a policy shows nothing, or but a part.
HIDING = {
    "event_store": "false",
    "ledger_tile": "false",
    "tree_head": "number < 2",
    "log_identity": "incarnation > 1",
    "ledger_state": "false",
}


def filtered(store: Store, db: Database) -> list[str]:
    """Name the calls that answer otherwise when a policy hides something."""
    fill(db)
    owner = db.connect(autocommit=True)
    found = []
    with store.connect() as login:
        before = {name: outcome(login, name) for name in CALLS}
        for table, condition in HIDING.items():
            owner.execute(
                f"alter table evident.{table}"
                " enable row level security, force row level security;"
                f" create policy hiding on evident.{table} using ({condition})".encode()
            )
            for name in [name for name in CALLS if name != "leaf_hash"]:
                after = outcome(login, name)
                if after not in (before[name], "42501"):
                    found.append(f"{name}, {table}: {after}")
            owner.execute(
                f"drop policy hiding on evident.{table}; alter table evident.{table}"
                " disable row level security, no force row level security".encode()
            )
    return found


@pytest.mark.promise(11)
def test_no_policy_hides_anything_from_the_ledger(store: Store, db: Database) -> None:
    assert filtered(store, db) == []


@pytest.mark.twin_of(11, name="a ledger that reads what policies let through")
def test_a_ledger_that_reads_what_policies_let_through_is_caught(
    store: Store, db: Database
) -> None:
    with db.connect(autocommit=True) as connection:
        install(connection, "filtered_ledger")
    assert filtered(store, db) != []


@pytest.mark.promise(11)
def test_no_policy_hides_an_event_from_consumers_and_projections(
    store: Store, db: Database
) -> None:
    calls = (
        "select c.id from evident.claim_events('mail', 'w') as c",
        "select evident.run_projection('shop.daily_sales')",
        "select evident.rebuild_projection('shop.orders_summary')",
        "select v.key from evident.verify_projection('shop.orders_summary') as v",
    )
    with db.connect(autocommit=True) as owner:
        owner.execute(APPEND)
        owner.execute("select evident.create_consumer('mail')")
        owner.execute(
            "alter table evident.event_store"
            " enable row level security, force row level security;"
            " create policy hiding on evident.event_store using (false)"
        )
    with store.connect() as login:
        for call in calls:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(call.encode())


@pytest.mark.promise(11)
def test_an_export_of_what_a_policy_lets_through_is_refused(
    store: Store, db: Database, tmp_path: Path
) -> None:
    with db.connect(autocommit=True) as owner:
        publish_at(owner, 30)
        owner.execute(
            "alter table evident.event_store enable row level security;"
            " create policy hiding on evident.event_store using (id % 2 = 0)"
        )
    dsn = psycopg.conninfo.make_conninfo(db.dsn, user=LOGIN)
    code, said = evident("export", tmp_path / "export", "--dsn", dsn)
    assert code != 0
    assert "row-level security" in said
