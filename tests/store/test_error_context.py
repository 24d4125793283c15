"""What a refusal carries along: few lines, and none of the caller's documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from conftest import Database
from support.clients.ugly_calls import STATEMENTS, listed_calls
from support.models.read_models import make_read_models

# Lines below the message, of which psql shows all.
MOST = 10
SECRET = "correct horse battery staple"
AGGREGATE = "01900000-0000-7000-8000-000000000001"
APPEND = "select evident.append_event(%s, 'Noted', %s, %s)"
FAILING = """
set local role evident_projector;
create table shop.failing (key {type} primary key, n integer);
create function shop.apply_failing(p_row shop.failing, p_event evident.event_store)
returns shop.failing language plpgsql immutable as $function$
begin
    p_row.n := p_event.payload ->> 'n';
    return p_row;
end;
$function$;
create function shop.keys_failing(p_event evident.event_store)
returns setof text language sql immutable
begin atomic
    select p_event.payload ->> 'key';
end;
select evident.create_projection(
    'shop.failing', 'shop.apply_failing(shop.failing, evident.event_store)', null,
    '{mode}', {keys}
)
"""
REBUILD = "select evident.rebuild_projection('shop.failing')"
KEYS = "'shop.keys_failing(evident.event_store)'"


def refusal(
    connection: psycopg.Connection[Any], query: str, parameters: Sequence[Any]
) -> psycopg.Error | None:
    try:
        connection.execute(query.encode(), parameters)
    except psycopg.Error as error:
        return error
    return None


def context(error: psycopg.Error | None) -> list[str]:
    assert error is not None
    return (error.diag.context or "").splitlines()


def test_no_refusal_of_a_call_has_a_long_context(db: Database) -> None:
    connection = db.connect(autocommit=True)
    make_read_models(connection)
    found = {}
    for function, arguments in listed_calls():
        error = refusal(connection, STATEMENTS[function], arguments)
        if error is not None and len(lines := context(error)) > MOST:
            found[f"{function}: {error.diag.message_primary}"] = lines
    assert found == {}


@pytest.mark.parametrize("document", [f'["{SECRET}"]', f'{{"{SECRET}": 1e2000000}}'])
def test_no_context_repeats_what_was_to_be_stored(db: Database, document: str) -> None:
    connection = db.connect(autocommit=True)
    for query in (
        APPEND,
        "select evident.append_events(%s, jsonb_build_array(%s::jsonb), %s)",
        "select evident.append_batch(jsonb_build_array(jsonb_build_object("
        "'aggregate_id', %s, 'events', jsonb_build_array(%s::jsonb),"
        " 'expected_version', %s)))",
    ):
        error = refusal(connection, query, [AGGREGATE, document, 0])
        assert SECRET not in "\n".join(context(error))


@pytest.mark.parametrize(
    ("mode", "type", "keys", "query", "most"),
    [
        ("sync", "uuid", "null", APPEND, 14),
        ("sync", "text", KEYS, APPEND, 14),
        ("async", "uuid", "null", "select evident.project('shop.failing', %s)", 20),
        ("async", "text", KEYS, "select evident.project('shop.failing', 'k')", 20),
        ("async", "uuid", "null", REBUILD, 16),
        ("async", "text", KEYS, REBUILD, 16),
    ],
)
def test_the_context_of_a_fold_that_fails_is_not_a_book(
    db: Database, mode: str, type: str, keys: str, query: str, most: int
) -> None:
    connection = db.connect(autocommit=True)
    make = FAILING.format(mode=mode, type=type, keys=keys)
    with connection.transaction():
        connection.execute(make.encode())
    given = [AGGREGATE, f'{{"key": "k", "n": "{SECRET}"}}', 0]
    if mode == "async":
        connection.execute(APPEND, given)
    error = refusal(connection, query, given[: query.count("%s")])
    lines = context(error)
    assert len(lines) <= most, "\n".join(lines)
    assert SECRET not in "\n".join(lines)
