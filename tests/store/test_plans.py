"""Appends keep one plan that looks versions up by key, whatever the statistics say.

So do the triggers of projections, which look rows up by key.
"""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from conftest import Database
from support.twins import install

Connection = psycopg.Connection[Any]

APPEND = "select evident.append_event(%s, 'Counted', '{}', %s)"
APPEND_MANY = """
select evident.append_events(%s, '[{"type": "Counted", "payload": {}}]', %s)
"""
APPENDS = {
    "event": APPEND,
    "events": APPEND_MANY,
    "folded": APPEND.replace("Counted", "ItemShipped"),
    "folded events": APPEND_MANY.replace("Counted", "ItemShipped"),
}
# Rows like those of a store that has grown since it was analyzed.
GROW = """
insert into evident.event_store (aggregate_id, version, event_type, payload)
select md5((i.number %% 100)::text)::uuid, i.number / 100 + 1, 'Counted', '{}'
from generate_series(%s::integer, %s::integer - 1) as i (number)
"""
SCANS = """
select
    pg_stat_get_xact_numscans('evident.event_store'::regclass)
    + pg_stat_get_xact_numscans('shop.orders_summary'::regclass)
"""
EXPECTED = {"known": 1, "new": 0, "any": None, "existing": -1}
LAST_VERSION = [
    "append_event(gen_random_uuid(), 'Counted', '{}', 2147483647)",
    "append_events(gen_random_uuid(), jsonb_build_array(jsonb_build_object("
    "'type', 'Counted', 'payload', '{}'::jsonb)), 2147483647)",
    "append_batch(jsonb_build_array(jsonb_build_object('aggregate_id',"
    " gen_random_uuid(), 'expected_version', 2147483647, 'events', jsonb_build_array("
    "jsonb_build_object('type', 'Counted', 'payload', '{}'::jsonb)))))",
]


def append_times(
    connection: Connection, append: str, count: int, expected: int | None
) -> None:
    """Append to new aggregates in a way that plans nothing but what is called."""
    for _ in range(count):
        aggregate = uuid.uuid4()
        if expected != 0:
            connection.execute(append, [aggregate, 0], prepare=True)
        connection.execute(append, [aggregate, expected], prepare=True)


def whole_scans(connection: Connection, append: str, expected: int | None) -> int:
    """Count full reads of the table by appends, their plans made while it is small."""
    connection.execute("begin")
    append_times(connection, append, 1, 1)
    connection.execute("analyze evident.event_store, shop.orders_summary")
    append_times(connection, append, 8, expected)
    before = connection.execute(SCANS).fetchone()
    append_times(connection, append, 5, expected)
    after = connection.execute(SCANS).fetchone()
    connection.execute("rollback")
    assert before is not None and after is not None
    return int(after[0]) - int(before[0])


def grow(connection: Connection) -> None:
    """Make a store that has grown to eight times its size since it was analyzed."""
    connection.execute("alter table evident.event_store set (autovacuum_enabled = off)")
    connection.execute(GROW, [0, 10_000])
    connection.execute("analyze evident.event_store")
    connection.execute(GROW, [10_000, 80_000])


def plans_made(connection: Connection, append: str, expected: int | None) -> int:
    """Count the plans made for five pairs of appends, after twelve other pairs."""
    append_times(connection, append, 12, expected)
    plans: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if (diagnostic.message_primary or "").startswith("plan:"):
            plans.append(diagnostic.message_detail or "")

    connection.add_notice_handler(note)
    connection.execute("set client_min_messages = log")
    connection.execute("set debug_print_plan = on")
    append_times(connection, append, 5, expected)
    connection.execute("reset debug_print_plan")
    return len(plans)


@pytest.mark.parametrize("append", APPENDS.values(), ids=APPENDS.keys())
@pytest.mark.parametrize("expected", EXPECTED.values(), ids=EXPECTED.keys())
def test_a_plan_from_a_small_table_looks_versions_up_by_key(
    db: Database, append: str, expected: int | None
) -> None:
    assert whole_scans(db.connect(autocommit=True), append, expected) == 0


def test_plans_without_the_setting_are_caught_reading_the_whole_table(
    db: Database,
) -> None:
    connection = db.connect(autocommit=True)
    install(connection, "seqscan_append")
    assert whole_scans(connection, APPEND, 1) > 0


def test_no_append_is_planned_anew_because_statistics_are_old(db: Database) -> None:
    grow(db.connect(autocommit=True))
    made = {
        (kind, version): plans_made(db.connect(autocommit=True), append, expected)
        for kind, append in APPENDS.items()
        for version, expected in EXPECTED.items()
    }
    assert {each: count for each, count in made.items() if count > 0} == {}


def test_a_probe_without_a_limit_or_one_plan_is_caught_planning_each_call(
    db: Database,
) -> None:
    connection = db.connect(autocommit=True)
    grow(connection)
    install(connection, "unlimited_probe")
    assert plans_made(connection, APPEND, 1) >= 5


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("call", LAST_VERSION)
def test_the_last_version_there_can_be_is_refused_in_every_kind_of_plan(
    db: Database, mode: str, call: str
) -> None:
    """A plan for known values computes with them, before it knows of any row."""
    connection = db.connect(autocommit=True)
    connection.execute(f"set plan_cache_mode = {mode}")
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(f"select evident.{call}")
    assert refused.value.sqlstate == "PT409"
