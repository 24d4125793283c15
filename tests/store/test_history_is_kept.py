"""Promise 10: nobody but the owner can change history."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from conftest import Database
from report.evidence import Figures
from support.checkers.history_kept import ALLOWED, DOCUMENTED, history_kept_violations
from support.clients.calls import Entry, append_events, events_of
from support.clients.corpus import (
    INTRUSIONS,
    OWN_CODE,
    REWRITES,
    THROUGH_ONES_OWN,
    WITHOUT_EFFECT,
)
from support.clients.store import Store

pytestmark = pytest.mark.promise(10)

Observer = psycopg.Connection[Any]

LOGINS = {
    "evident_test_writer": ["evident_writer"],
    "evident_test_reader": ["evident_reader"],
    "evident_test_operator": ["evident_operator"],
    "evident_test_lone_auditor": ["evident_auditor"],
    "evident_test_every": [
        "evident_writer",
        "evident_reader",
        "evident_operator",
        "evident_auditor",
    ],
    "evident_test_nobody": [],
}


@pytest.fixture
def attacker(
    request: pytest.FixtureRequest, db: Database, observer: Observer
) -> Iterator[Observer]:
    """Give a connection of a login that has the given roles, for this test only."""
    name = request.param
    identifier = sql.Identifier(name)
    observer.execute(sql.SQL("create role {} login").format(identifier))
    for role in LOGINS[name]:
        observer.execute(
            sql.SQL("grant {} to {}").format(sql.Identifier(role), identifier)
        )
    # What most databases allow, so that only the package itself refuses.
    observer.execute("grant create on schema public to public")
    observer.execute(
        sql.SQL("grant create on database {} to public").format(sql.Identifier(db.name))
    )
    with db.connect(user=name, autocommit=True) as connection:
        yield connection
    observer.execute(sql.SQL("drop owned by {}").format(identifier))
    observer.execute(sql.SQL("drop role {}").format(identifier))


@pytest.fixture
def history(store: Store) -> None:
    with store.connect() as connection:
        for _ in range(5):
            append_events(connection, [Entry(uuid.uuid4(), 0, events_of("kept", 3))])
        append_events(connection, [Entry(uuid.uuid4(), 0, events_of("tile", 256))])
        connection.execute("select evident.seal()")
        connection.execute(
            "select evident.record_publication(format(%s, s.origin, s.leaves,"
            " encode(s.root_hash, 'base64'))) from evident.ledger_status as s",
            ["%s\n%s\n%s\n\n\u2014 key AAAA\n"],
        )


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("attacker", LOGINS, indirect=True)
def test_no_role_changes_history(
    observer: Observer, attacker: Observer, figures: Figures
) -> None:
    corpus = [*REWRITES, *INTRUSIONS, *THROUGH_ONES_OWN]
    assert history_kept_violations(observer, attacker, corpus) == []
    figures.add(statements=len(corpus))


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("attacker", LOGINS, indirect=True)
def test_no_role_registers_code_of_its_own(
    observer: Observer, attacker: Observer, figures: Figures
) -> None:
    documented = DOCUMENTED | {"PT400"}
    assert history_kept_violations(observer, attacker, OWN_CODE, documented) == []
    figures.add(statements=len(OWN_CODE))


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("attacker", LOGINS, indirect=True)
def test_what_is_not_refused_has_no_effect(
    observer: Observer, attacker: Observer
) -> None:
    allowed = DOCUMENTED | {ALLOWED}
    assert history_kept_violations(observer, attacker, WITHOUT_EFFECT, allowed) == []


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("role", ["evident_owner", "postgres"])
@pytest.mark.parametrize("replication_role", ["origin", "local", "replica"])
def test_even_the_owner_is_refused_a_rewrite(
    db: Database, observer: Observer, role: str, replication_role: str, figures: Figures
) -> None:
    assert rewrites_as(db, observer, role, replication_role) == []
    figures.add(statements=len(REWRITES))


@pytest.mark.twin_of(10)
@pytest.mark.usefixtures("history")
def test_a_guard_that_is_not_enabled_always_is_caught(
    db: Database, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("sleeping_guard")
    assert rewrites_as(db, observer, "postgres", "origin") == []
    violations = rewrites_as(db, observer, "postgres", "replica")
    changes = [each for each in violations if each.startswith("changed history")]
    for table in ("event_store", "ledger_tile"):
        assert any(table in each for each in changes)


def rewrites_as(
    db: Database, observer: Observer, role: str, replication_role: str
) -> list[str]:
    with db.connect(autocommit=True) as connection:
        connection.execute(f"set session_replication_role = {replication_role}")
        connection.execute(f"set role {role}")
        return history_kept_violations(
            observer, connection, REWRITES, frozenset({"PT403"})
        )
