"""plpgsql_check finds nothing in any PL/pgSQL function, nor can it miss a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from support.read_models import make_read_models

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.promise(14)

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
        and not (c.level = 'security' and p.proname = any (%(composers)s))
        and not exists (
            select
            from unnest(%(known)s::text[], %(messages)s::text[]) as k (name, message)
            where p.proname like k.name and c.message = k.message
        )
"""
# They write SQL with the names of a projection, which were quoted when
# create_projection took them from the catalog.
_COMPOSERS = [
    *("_make_fold", "_make_keep", "_make_keep_batch", "_fold_slice", "_fold_key"),
    *("_lock_read_model", "_fold_round", "create_projection", "drop_projection"),
    *("rebuild_projection", "verify_projection", "project"),
]
# What the checker cannot see: columns that `return query execute` sets, an error that
# is always raised, and a count that SQL gives and nobody needs.
_KNOWN = [
    ("verify_projection", 'OUT variable "key" is maybe unmodified'),
    ("verify_projection", 'OUT variable "stored" is maybe unmodified'),
    ("verify_projection", 'OUT variable "replayed" is maybe unmodified'),
    ("next\\_%", "control reached end of function without RETURN"),
    ("keep\\_batch\\_%", 'never read variable "v_count"'),
]


@pytest.fixture
def checker(db: Database) -> psycopg.Connection[Any]:
    connection = db.connect(autocommit=True)
    available = connection.execute(
        "select from pg_available_extensions as e where e.name = 'plpgsql_check'"
    ).fetchone()
    if available is None:
        pytest.skip("this server has no plpgsql_check; the system's PostgreSQL has")
    connection.execute("create extension plpgsql_check")
    make_read_models(connection)
    return connection


def findings(checker: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    names, messages = zip(*_KNOWN, strict=True)
    return checker.execute(
        _FINDINGS,
        {"composers": _COMPOSERS, "known": list(names), "messages": list(messages)},
    ).fetchall()


def test_plpgsql_check_finds_nothing(checker: psycopg.Connection[Any]) -> None:
    assert findings(checker) == []


def test_plpgsql_check_finds_a_planted_fault(
    checker: psycopg.Connection[Any],
) -> None:
    checker.execute(
        "create function shop.broken() returns bigint language plpgsql as"
        " $$ begin return (select e.vresion from evident.event_store as e); end $$"
    )
    found = findings(checker)
    assert {row[2] for row in found} == {"42703"}
