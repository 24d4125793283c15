"""plpgsql_check finds nothing in any PL/pgSQL function, nor can it miss a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from conftest import Database

_FINDINGS = """
    select p.oid::regprocedure::text, c.lineno, c.sqlstate, c.message, c.level
    from pg_proc as p
    join pg_language as l on l.oid = p.prolang
    left join pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
    cross join lateral plpgsql_check_function_tb(
        p.oid, coalesce(t.tgrelid, 0),
        newtable => t.tgnewtable,
        performance_warnings => false,
        security_warnings => true
    ) as c
    where l.lanname = 'plpgsql'
        and p.pronamespace::regnamespace::text in ('evident', 'shop')
"""


@pytest.fixture
def checker(db: Database) -> psycopg.Connection[Any]:
    connection = db.connect(autocommit=True)
    available = connection.execute(
        "select from pg_available_extensions as e where e.name = 'plpgsql_check'"
    ).fetchone()
    if available is None:
        pytest.skip("this server has no plpgsql_check; the system's PostgreSQL has")
    connection.execute("create extension plpgsql_check")
    return connection


def test_plpgsql_check_finds_nothing(checker: psycopg.Connection[Any]) -> None:
    assert checker.execute(_FINDINGS).fetchall() == []


def test_plpgsql_check_finds_a_planted_fault(
    checker: psycopg.Connection[Any],
) -> None:
    checker.execute(
        "create function shop.broken() returns bigint language plpgsql as"
        " $$ begin return (select e.vresion from evident.event_store as e); end $$"
    )
    found = checker.execute(_FINDINGS).fetchall()
    assert {row[2] for row in found} == {"42703"}
