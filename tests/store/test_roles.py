"""Promise 10: each role, alone in a login, may do what the README's table says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.migrate.run import migrate
from pg_evident.workshop.reference import MANIFEST

Observer = psycopg.Connection[Any]
Cell = tuple[str, str]

README = MANIFEST.parent.parent.parent / "README.md"
LOGIN = "evident_test_alone"
ONE = "01900000-0000-7000-8000-000000000001"
ROLES = ["writer", "reader", "consumer", "operator", "monitor", "auditor"]
STATUS = ["projection_status", "feed_status", "consumer_status", "ledger_status"]


def stated(title: str) -> tuple[list[str], set[Cell]]:
    """Read a table of the README: its roles, and (name, role) of each mark."""
    section = README.read_text().partition(f"### {title}\n")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    roles = rows[0][1:]
    return roles, {
        (row[0].strip("`").removesuffix("()"), role)
        for row in rows[2:]
        for role, mark in zip(roles, row[1:], strict=True)
        if mark
    }


@pytest.mark.promise(10)
@pytest.mark.parametrize(
    ("title", "query"),
    [
        (
            "Who may call what",
            "select p.proname, r.name from pg_proc as p, unnest(%s::text[]) as r (name)"
            " where p.pronamespace = 'evident'::regnamespace"
            " and p.proname not like '\\_%%' and p.proname not like '%%.%%'"
            " and has_function_privilege('evident_' || r.name, p.oid, 'execute')",
        ),
        (
            "Who may read what",
            "select c.relname, r.name from pg_class as c,"
            " unnest(%s::text[]) as r (name)"
            " where c.relnamespace = 'evident'::regnamespace"
            " and c.relkind in ('r', 'v', 'S') and c.relname not like '%%.%%'"
            " and case c.relkind when 'S'"
            " then has_sequence_privilege('evident_' || r.name, c.oid, 'select')"
            " else has_table_privilege('evident_' || r.name, c.oid, 'select') end",
        ),
    ],
    ids=["call", "read"],
)
def test_the_table_of_roles_is_what_the_catalog_says(
    empty_db: Database, title: str, query: str
) -> None:
    migrate(empty_db.dsn)
    roles, cells = stated(title)
    found = empty_db.connect().execute(query.encode(), [roles]).fetchall()
    assert cells == {(name, role) for name, role in found}
    assert len(cells) > 30


@pytest.fixture
def alone(
    request: pytest.FixtureRequest, db: Database, observer: Observer
) -> Iterator[Observer]:
    """Give a login with one role and nothing else."""
    observer.execute(f"create role {LOGIN} login in role evident_{request.param}")
    with db.connect(user=LOGIN, autocommit=True) as connection:
        yield connection
    observer.execute(f"drop role {LOGIN}")


@pytest.mark.promise(10)
@pytest.mark.parametrize("alone", ["monitor"], indirect=True)
def test_a_monitor_sees_how_all_does_and_no_payload(
    observer: Observer, alone: Observer
) -> None:
    observer.execute(
        f"select evident.append_event('{ONE}', 'OrderCreated', '{{\"n\": \"secret\"}}')"
    )
    observer.execute(
        "insert into evident.projection_failure (projection, key, position, code,"
        " message) values ('shop.daily_sales', 'k', 1, '22P02', 'not so: secret')"
    )
    for view in STATUS:
        rows = alone.execute(f"select * from evident.{view}".encode()).fetchall()
        assert "secret" not in str(rows), view
    assert alone.execute("select * from evident.guard_status()").fetchall()
    query = b"select last_error from evident.projection_status where failures > 0"
    assert alone.execute(query).fetchall() == [("22P02",)]
    assert observer.execute(query).fetchall() == [("22P02 not so: secret",)]
    for sql in (
        "select * from evident.event_store",
        "select * from evident.projection_failure",
        "select * from evident.read_feed(0)",
        "select * from shop.orders_summary",
        f"select evident.project('shop.orders_summary', '{ONE}')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            alone.execute(sql.encode())


@pytest.mark.promise(10)
@pytest.mark.parametrize("alone", ["consumer"], indirect=True)
def test_a_consumer_claims_confirms_and_releases_and_nothing_else(
    observer: Observer, alone: Observer
) -> None:
    observer.execute("select evident.create_consumer('mail')")
    for number in (1, 2):
        observer.execute(
            "select evident.append_event(%s, 'OrderCreated', '{}', %s)",
            [ONE, number - 1],
        )
    claim = b"select * from evident.claim_events('mail', 'worker', 1)"
    first = alone.execute(claim)
    assert first.description is not None
    names = [each.name for each in first.description]
    rows = first.fetchall()
    assert len(rows) == 1
    held = dict(zip(names, rows[0], strict=True))
    position = held.get("id") or held["position"]
    alone.execute(
        "select evident.confirm_events('mail', %s, %s, %s)",
        [held["partition"], held["epoch"], position],
    )
    again = dict(zip(names, alone.execute(claim).fetchall()[0], strict=True))
    alone.execute(
        "select evident.release_events('mail', %s, %s)",
        [again["partition"], again["epoch"]],
    )
    assert alone.execute("select * from evident.consumer_status").fetchall()
    for sql in (
        "select evident.create_consumer('mine')",
        "select evident.drop_consumer('mail')",
        "select evident.drop_projection('shop.orders_summary')",
        "select evident.begin_incarnation('mine')",
        "select * from evident.event_store",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            alone.execute(sql.encode())


@pytest.mark.twin_of(10)
def test_a_role_that_got_more_is_caught(empty_db: Database) -> None:
    migrate(empty_db.dsn)
    connection = empty_db.connect(autocommit=True)
    connection.execute(
        "grant execute on function"
        " evident.drop_projection(text, text, text, boolean) to evident_consumer"
    )
    assert ("drop_projection", "consumer") not in stated("Who may call what")[1]
    assert connection.execute(
        "select has_function_privilege('evident_consumer',"
        " 'evident.drop_projection(text, text, text, boolean)', 'execute')"
    ).fetchone() == (True,)
