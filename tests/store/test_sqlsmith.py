"""Promise 10: random SQL of a login changes nothing that is history."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Database
from report.evidence import Figures
from support.checkers.fingerprint import fingerprint
from support.checkers.ledger import ledger_violations
from support.checkers.projections import drift
from support.clients.calls import Entry, append_events, events_of
from support.clients.smith import LOGIN_SETTINGS, Smithed, smith
from support.clients.store import Store
from support.seeds import scaled

pytestmark = pytest.mark.promise(10)

Observer = psycopg.Connection[Any]

LOGIN = "evident_test_smith"
ROLES = {
    "writer": ["evident_writer"],
    "all roles": [
        *("evident_writer", "evident_reader", "evident_operator", "evident_auditor")
    ],
}
QUERIES = scaled(250, 800)
# Seldom reached: a loaded machine runs fewer queries.
SECONDS = scaled(60, 120)
TABLES = ("event_store", "ledger_tile", "tree_head", "log_identity")
BROKEN_GUARDS = "select g.kind, g.name, g.state from evident.guard_status() as g"
# One that was killed may have left a query behind.
END = "select pg_terminate_backend(a.pid, 30000) from pg_stat_activity as a"
STARTED = "select pg_postmaster_start_time()"
# sqlsmith composes queries over tables: a writer sees none but the application's.
OWN_TABLE = """
create table public.own (
    id bigint, n integer, key uuid, word text, body jsonb, at timestamptz, yes boolean
);
grant all on public.own to public
"""
UNGUARDED = f"""
drop trigger event_store_history on evident.event_store;
drop trigger event_store_history_rows on evident.event_store;
grant usage on schema evident to {LOGIN};
grant select, update, delete on evident.event_store to {LOGIN};
"""


@pytest.fixture
def history(store: Store, rng: random.Random) -> None:
    """Store some aggregates, a full tile of events and a tree head."""
    with store.connect() as connection:
        for _ in range(20):
            append_events(connection, [Entry(uuid.uuid4(), 0, events_of("kept", 3))])
        append_events(connection, [Entry(uuid.uuid4(), 0, events_of("tile", 256))])
        connection.execute("select evident.seal()")


@pytest.fixture
def smith_login(observer: Observer) -> Iterator[str]:
    """Give a login without a role, which disturbs nobody for long."""
    observer.execute(f"create role {LOGIN} login; {LOGIN_SETTINGS.format(LOGIN)}")
    observer.execute(OWN_TABLE)
    yield LOGIN
    observer.execute(f"drop owned by {LOGIN} cascade; drop role {LOGIN}")


def rows(observer: Observer, table: str) -> Counter[str]:
    query = f"select t::text from evident.{table} as t"
    return Counter(row[0] for row in observer.execute(query.encode()))


def definitions(observer: Observer, *, may_register: bool) -> set[tuple[str, str]]:
    """Describe the schemas, without what an operator may make for projections."""
    schemas = ("evident",) if may_register else ("evident", "shop")
    found = fingerprint(observer, schemas)
    return {each for each in found if not (may_register and "keep_" in each[1])}


def violations(
    observer: Observer, work: Callable[[], Smithed], *, may_register: bool = False
) -> list[str]:
    """Do the work; name each row that is gone or another one, and all that it broke.

    The work may append through functions: rows more are no violation.
    """
    before = {table: rows(observer, table) for table in TABLES}
    defined = definitions(observer, may_register=may_register)
    started = observer.execute(STARTED).fetchone()
    crashes = work().crashes
    observer.execute(f"{END} where a.usename = '{LOGIN}'")
    found = [f"crashed: {each}" for each in crashes]
    if observer.execute(STARTED).fetchone() != started:
        found.append("the server has started anew")
    for table, stored in before.items():
        lost = stored - rows(observer, table)
        found += [f"changed or gone: {table} {row[:100]}" for row in list(lost)[:3]]
    changed = defined ^ definitions(observer, may_register=may_register)
    found += [f"defined otherwise: {kind} {what[:200]}" for kind, what in changed]
    broken = observer.execute(f"{BROKEN_GUARDS} where not g.is_intact").fetchall()
    found += [f"guard: {each}" for each in broken]
    found += ledger_violations(observer, is_complete=False)
    return found + drift(observer)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("roles", ROLES)
def test_random_sql_changes_no_history(
    db: Database,
    observer: Observer,
    smith_login: str,
    rng: random.Random,
    figures: Figures,
    tmp_path: Path,
    roles: str,
) -> None:
    observer.execute(f"grant {', '.join(ROLES[roles])} to {smith_login}")
    done = Smithed()

    def work() -> Smithed:
        nonlocal done
        seed = rng.randrange(2**31)
        print(f"sqlsmith --seed={seed}")
        done = smith(
            db, smith_login, tmp_path, seed=seed, queries=QUERIES, seconds=SECONDS
        )
        return done

    found = violations(observer, work, may_register=roles == "all roles")
    print(done.queries, done.touching, sorted(done.functions), done.errors)
    assert found == []
    assert done.touching > 0
    figures.add(
        random_queries=done.queries,
        naming_the_package=done.touching,
        refused=done.errors.total(),
        for_lack_of_privilege=done.errors["42501"],
        rows_of_history_changed=0,
    )
    figures.worst(functions_of_the_package_called=len(done.functions))


@pytest.mark.twin_of(10, name="no guards, and a role that may update and delete")
@pytest.mark.usefixtures("history")
def test_history_that_may_be_changed_is_caught(
    db: Database,
    observer: Observer,
    smith_login: str,
    rng: random.Random,
    tmp_path: Path,
) -> None:
    observer.execute(UNGUARDED)

    def work() -> Smithed:
        seed = rng.randrange(2**31)
        done = smith(db, smith_login, tmp_path, seed=seed, queries=100, seconds=60)
        # Random statements may all have missed; these do not.
        with db.connect(user=smith_login, autocommit=True) as connection:
            connection.execute("update evident.event_store set payload = '{}'")
            connection.execute("delete from evident.event_store where id = 1")
        return done

    found = violations(observer, work)
    print(f"caught: {found[0]}")
    assert found[0].startswith("changed or gone: event_store")
