"""plpgsql_check finds nothing in any PL/pgSQL function, nor can it miss a fault."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from report.evidence import Figures
from support.models.read_models import make_read_models

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.promise(14)

_FINDINGS = """
    select
        p.oid::regprocedure::text, c.lineno, c.sqlstate, c.message, c.level, p.proname
    from pg_proc as p
    join pg_language as l on l.oid = p.prolang
    left join pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
    cross join lateral plpgsql_check_function_tb(
        p.oid, coalesce(t.tgrelid, 0),
        newtable => t.tgnewtable,
        performance_warnings => true,
        security_warnings => true
    ) as c
    where l.lanname = 'plpgsql'
        and p.pronamespace::regnamespace::text in ('evident', 'shop')
        -- Of performance, whether a function is less volatile or more than it says.
        and (c.level <> 'performance' or c.message like 'routine is marked as %')
"""
_CHECKED = """
    select count(*)
    from pg_proc as p
    join pg_language as l on l.oid = p.prolang
    where l.lanname = 'plpgsql'
        and p.pronamespace::regnamespace::text in ('evident', 'shop')
"""
# What a function calls: of PL/pgSQL the checker knows it, of SQL the catalog does.
_SAFER = """
    with package as (
        select p.oid, p.proname, l.lanname, p.proparallel
        from pg_proc as p
        join pg_language as l on l.oid = p.prolang
        where p.pronamespace::regnamespace::text in ('evident', 'shop')
            and p.prokind = 'f'
    ),

    called as (
        select p.oid as caller, d.oid as callee
        from package as p
        left join pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
        cross join lateral plpgsql_show_dependency_tb(
            p.oid, coalesce(t.tgrelid, 0)
        ) as d
        -- It does not know the transition table of this one.
        where p.lanname = 'plpgsql' and d.type = 'FUNCTION'
            and p.proname not like 'keep\\_batch\\_%'
        union
        select p.oid, d.refobjid
        from package as p
        join pg_depend as d
            on d.classid = 'pg_proc'::regclass and d.objid = p.oid
            and d.refclassid = 'pg_proc'::regclass
        where p.lanname = 'sql'
    )

    select p.proname, f.proname
    from called as c
    join package as p on c.caller = p.oid
    join pg_proc as f on c.callee = f.oid
    where position(p.proparallel in 'sru') < position(f.proparallel in 'sru')
        -- A fold is pure, so what calls it is safe, whether or not it says so.
        and not exists (
            select from evident.projection as r where r.apply::regprocedure = f.oid
        )
"""
# They write SQL with names of a projection, or of the store's own sequences, which were
# quoted when they were taken from the catalog (promise 14 tries others): so many
# statements in each, and not one more.
_COMPOSED = {
    "_as_projector": 1,
    "_ask_projector": 1,
    "_drop_default_privileges": 1,
    "_finish_rebuild": 1,
    "_revoke_from_all": 1,
    "_run_ddl": 1,
    "repair_sequences": 2,
}
# What the checker cannot see: columns that `return query execute` sets, an error that
# is always raised, a count that SQL gives and nobody needs, and functions that must
# look at each call anew: for rows that others have committed since, for settings.
_KNOWN = [
    ("next_*", "control reached end of function without RETURN"),
    ("kept_batch_*", 'never read variable "v_count"'),
    ("_canonical_key", "control reached end of function without RETURN"),
    ("_position_of", "control reached end of function without RETURN"),
    ("rebuild_projection", "control reached end of function without RETURN"),
    ("_replayed_version", "routine is marked as VOLATILE, should be STABLE"),
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


Finding = tuple[Any, ...]


def all_findings(checker: psycopg.Connection[Any]) -> list[Finding]:
    return checker.execute(_FINDINGS.encode()).fetchall()


def exclusion(finding: Finding) -> tuple[str, str] | None:
    """Tell which known finding this is, if it is one."""
    message, name = finding[3], finding[5]
    known = (k for k in _KNOWN if fnmatch(name, k[0]) and message == k[1])
    return next(known, None)


def unknown(found: list[Finding]) -> list[Finding]:
    """Leave out what is known, and of composed SQL as much as is known."""
    left = dict(_COMPOSED)
    kept = []
    for finding in found:
        if finding[4] == "security" and left.get(finding[5], 0) > 0:
            left[finding[5]] -= 1
        elif exclusion(finding) is None:
            kept.append(finding)
    return kept


def test_plpgsql_check_finds_nothing(
    checker: psycopg.Connection[Any], figures: Figures
) -> None:
    assert unknown(all_findings(checker)) == []
    row = checker.execute(_CHECKED).fetchone()
    assert row is not None
    figures.worst(functions_checked=row[0])
    figures.add(findings_of_plpgsql_check=0)


def test_each_exclusion_is_of_something_that_is_found(
    checker: psycopg.Connection[Any],
) -> None:
    found = all_findings(checker)
    assert {exclusion(each) for each in found} - {None} == set(_KNOWN)
    composed = Counter(each[5] for each in found if each[4] == "security")
    assert composed == _COMPOSED


def test_no_function_is_called_safer_for_parallel_plans_than_what_it_calls(
    checker: psycopg.Connection[Any],
) -> None:
    assert checker.execute(_SAFER.encode()).fetchall() == []


@pytest.mark.twin_of(14, name="a function whose SQL has a text in it")
def test_plpgsql_check_finds_a_planted_fault(
    checker: psycopg.Connection[Any],
) -> None:
    checker.execute(
        "create function shop.broken() returns bigint language plpgsql as"
        " $$ begin return (select e.vresion from evident.event_store as e); end $$;"
        " create function shop.open(p_name text) returns void language plpgsql as"
        " $$ begin execute 'drop table ' || p_name; end $$;"
    )
    found = unknown(all_findings(checker))
    assert {(each[5], each[4]) for each in found if each[4] != "performance"} == {
        ("broken", "error"),
        ("open", "security"),
    }
    print(f"caught: {found[0][0]}: {found[0][3]}")
