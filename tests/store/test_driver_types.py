"""Promise 15: each public function is found with the types that drivers send.

The types are those that the drivers document: node-postgres sends text without a type,
asyncpg and pgx ask the server for the types, psycopg sends the smallest integer and
strings without a type, JDBC sends int8 and varchar, Npgsql sends int4 and text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.pq import ExecStatus, PGconn

from conftest import Database
from support.models.read_models import make_read_models

pytestmark = pytest.mark.promise(15)

Connection = psycopg.Connection[Any]

BOOL, INT8, INT2, INT4, TEXT, JSON, VARCHAR = 16, 20, 21, 23, 25, 114, 1043
TIMESTAMPTZ, INTERVAL, UUID, JSONB, TEXTS, VARCHARS = 1184, 1186, 2950, 3802, 1009, 1015
# Without a type: the server chooses.
OPEN = 0
KNOWN = "01900000-0000-7000-8000-000000000001"

SIGNATURES = r"""
select p.proname::text, array(
    select t.typname::text
    from unnest(p.proargtypes) with ordinality as a (type, place)
    inner join pg_type as t on a.type = t.oid
    order by a.place
)
from pg_proc as p
where
    p.pronamespace = 'evident'::regnamespace
    and p.prokind = 'f'
    and p.proname not like '\_%'
    and p.proname not like '%.%'
order by p.proname
"""
# What each type of an argument is sent as, by each kind of driver. A type that no
# driver has (the row of an event, a function) goes without one, or is cast.
SENT: dict[str, dict[str, int]] = {
    "node-postgres, asyncpg, pgx": {},
    "psycopg": {"int8": INT2, "uuid": UUID, "jsonb": JSONB, "_text": TEXTS}
    | {"timestamptz": TIMESTAMPTZ, "interval": INTERVAL, "bool": BOOL},
    "psycopg, large numbers": {"int8": INT8},
    "JDBC": {"int8": INT8, "text": VARCHAR, "uuid": UUID, "_text": VARCHARS}
    | {"timestamptz": TIMESTAMPTZ, "bool": BOOL, "regclass": VARCHAR},
    "Npgsql": {"int8": INT4, "text": TEXT, "uuid": UUID, "jsonb": JSONB}
    | {"_text": TEXTS, "timestamptz": TIMESTAMPTZ, "interval": INTERVAL, "bool": BOOL},
    "all of their own types": {"int8": INT8, "text": TEXT, "uuid": UUID}
    | {"jsonb": JSONB, "_text": TEXTS, "timestamptz": TIMESTAMPTZ}
    | {"interval": INTERVAL, "bool": BOOL},
}
# Of an argument's type, in PostgreSQL's text form.
VALUES = {
    "int8": "1",
    "text": "x",
    "uuid": KNOWN,
    "jsonb": "{}",
    "_text": '{"OrderCreated"}',
    "timestamptz": "2026-01-01 00:00:00+00",
    "interval": "00:00:00",
    "bool": "false",
    "regclass": "shop.spare",
    "regprocedure": "shop.apply_spare(shop.spare,evident.event_store)",
}
# Not found, not unique, no type for a parameter, wrong type of an expression.
UNRESOLVED = {"42883", "42725", "42P18", "42804", "42P08"}


@dataclass(frozen=True)
class Function:
    """A public function and the names of its arguments' types."""

    name: str
    types: list[str]

    def call(self) -> str:
        places = ", ".join(f"${n}" for n in range(1, len(self.types) + 1))
        return f"select * from evident.{self.name}({places})"


@pytest.fixture
def functions(db: Database, observer: Connection) -> list[Function]:
    make_read_models(observer)
    rows = observer.execute(SIGNATURES).fetchall()
    return [Function(*row) for row in rows if "event_store" not in row[1]]


def code(connection: PGconn, query: str, values: list[str], types: list[int]) -> str:
    """Run one statement and undo it; its SQLSTATE, empty when it succeeds."""
    connection.exec_(b"begin; set local statement_timeout = '20s'")
    result = connection.exec_params(
        query.encode(), [each.encode() for each in values], types
    )
    connection.exec_(b"rollback")
    if result.status == ExecStatus.TUPLES_OK:
        return ""
    state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
    return state.decode() if state else "?"


def unresolved(observer: Connection, functions: list[Function]) -> Iterator[str]:
    """Call each function as each driver does; what the server does not understand."""
    for driver, sent in SENT.items():
        for each in functions:
            state = code(
                observer.pgconn,
                each.call(),
                [VALUES[name] for name in each.types],
                [sent.get(name, OPEN) for name in each.types],
            )
            if state in UNRESOLVED:
                yield f"{driver}: {each.name} {state}"
            elif state and not state.startswith("PT"):
                yield f"{driver}: {each.name} ends in {state}"


def test_every_public_function_is_found_with_the_types_of_each_driver(
    observer: Connection, functions: list[Function]
) -> None:
    assert len(functions) > 40
    assert list(unresolved(observer, functions)) == []


def test_no_public_function_has_two_forms_or_a_type_that_drivers_do_not_send(
    functions: list[Function],
) -> None:
    names = [each.name for each in functions]
    assert sorted(set(names)) == names
    assert {name for each in functions for name in each.types} <= set(VALUES)


def test_a_second_form_by_type_is_caught(
    observer: Connection, functions: list[Function]
) -> None:
    observer.execute(
        "create function evident.run_projection(text, timestamptz) returns bigint"
        " language sql return 1"
    )
    observer.execute(
        "create or replace function evident.root_hash(integer, integer) returns bytea"
        " language sql return ''::bytea"
    )
    narrow = Function("root_hash", ["int8", "int8"])
    found = list(unresolved(observer, [*functions, narrow]))
    assert any("run_projection 42725" in each for each in found)
    assert any("root_hash 42883" in each for each in found)


def test_an_untyped_argument_means_what_a_typed_one_means(
    observer: Connection, functions: list[Function]
) -> None:
    """The largest numbers, a time and texts that look like numbers, both ways."""
    calls: list[tuple[str, list[str], list[int]]] = [
        (
            "select evident.append_event($1, $2, $3, $4)",
            [KNOWN, "20200101", '{"n": 1}', "0"],
            [UUID, TEXT, JSONB, INT8],
        ),
        (
            "select f.* from evident.read_feed($1, $2, $3) as f",
            ["0", "9223372036854775807", '{"20200101"}'],
            [INT8, INT8, TEXTS],
        ),
        (
            "select evident.project($1, $2, $3)",
            ["shop.orders_summary", KNOWN, "20200101"],
            [TEXT, TEXT, INT8],
        ),
        (
            "select * from evident.aggregate_at($1, $2)",
            [KNOWN, "2999-01-01 00:00:00+00"],
            [UUID, TIMESTAMPTZ],
        ),
    ]
    observer.execute(
        "select evident.append_event(%s, 'OrderCreated', '{\"amount\": 1}')", [KNOWN]
    )
    for query, values, types in calls:
        answers = []
        for sent in (types, [OPEN] * len(types)):
            observer.execute("begin")
            answer = observer.pgconn.exec_params(
                query.encode(), [each.encode() for each in values], sent
            )
            rows = [
                [answer.get_value(row, column) for column in range(answer.nfields)]
                for row in range(answer.ntuples)
            ]
            answers.append((answer.status, answer.error_message, rows))
            observer.execute("rollback")
        assert answers[0] == answers[1], query


def test_json_for_jsonb_and_text_for_a_uuid_are_42883(observer: Connection) -> None:
    query = "select evident.append_event($1, 'OrderCreated', $2)"
    values = [KNOWN, "{}"]
    assert code(observer.pgconn, query, values, [UUID, JSON]) == "42883"
    assert code(observer.pgconn, query, values, [UUID, VARCHAR]) == "42883"
    assert code(observer.pgconn, query, values, [VARCHAR, JSONB]) == "42883"
    cast = "select evident.append_event($1::uuid, 'OrderCreated', $2::jsonb)"
    assert code(observer.pgconn, cast, values, [VARCHAR, VARCHAR]) == ""
