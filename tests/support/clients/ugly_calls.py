"""The public functions, called with whatever text a test comes up with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import hypothesis.strategies as st
import psycopg

from support.checkers.errors import CONTRACT, SERVER
from support.clients.calls import Connection
from support.clients.ugly import (
    NAMES,
    VALUES,
    aggregate_names,
    batches,
    event_arrays,
    integers,
    json_values,
    names,
    payloads,
)

AGGREGATE = "00000000-0000-0000-0000-000000000001"

# An event of one's own making, in the order of the table's columns.
EVENT = (
    "row(%s::bigint, %s::uuid, %s::integer, %s, %s::jsonb, %s::jsonb, %s::uuid,"
    " %s::timestamptz, %s)::evident.event_store"
)

STATEMENTS = {
    "append_event": "select evident.append_event("
    "%s::uuid, %s, %s::jsonb, %s::bigint, %s::jsonb, %s::uuid)",
    "append_events": "select evident.append_events(%s::uuid, %s::jsonb, %s::bigint)",
    "append_batch": "select * from evident.append_batch(%s::jsonb)",
    "aggregate_version": "select evident.aggregate_version(%s::uuid)",
    "read_aggregate": "select count(*)"
    " from evident.read_aggregate(%s::uuid, %s::bigint, %s::bigint)",
    "read_feed": "select count(*)"
    " from evident.read_feed(%s::bigint, %s::bigint, %s::text[], %s::bigint)",
    "create_consumer": "select evident.create_consumer(%s, %s::bigint, %s::text[], %s)",
    "seek_consumer": "select evident.seek_consumer(%s, %s, %s, %s)",
    "drop_consumer": "select evident.drop_consumer(%s)",
    "claim_events": "select count(*)"
    " from evident.claim_events(%s, %s, %s::bigint, %s::interval)",
    "confirm_events": "select"
    " evident.confirm_events(%s, %s::bigint, %s::bigint, %s::bigint)",
    "release_events": "select evident.release_events(%s, %s::bigint, %s::bigint)",
    "park_event": "select"
    " evident.park_event(%s, %s::bigint, %s::bigint, %s::bigint, %s)",
    "retry_parked": "select evident.retry_parked(%s, %s::uuid, %s, %s)",
    "skip_parked": "select evident.skip_parked(%s, %s::uuid, %s, %s)",
    "create_projection": "select evident.create_projection("
    "%s::regclass, %s::regprocedure, %s::text[], %s, %s::regprocedure)",
    "drop_projection": "select evident.drop_projection(%s)",
    "pause_projection": "select evident.pause_projection(%s)",
    "resume_projection": "select evident.resume_projection(%s)",
    "run_projection": "select evident.run_projection(%s, %s::integer)",
    "retry_failure": "select evident.retry_failure(%s, %s)",
    "skip_failure": "select evident.skip_failure(%s, %s, %s, %s)",
    "rebuild_projection": "select"
    " evident.rebuild_projection(%s, %s::integer, %s::integer)",
    "verify_projection": "select count(*) from evident.verify_projection(%s, %s)",
    "project": "select evident.project("
    "%s, %s, %s::bigint, %s::bigint, %s::timestamptz)",
    "project at": "select evident.project(%s, %s, p_until => %s)",
    "aggregate_at": "select count(*)"
    " from evident.aggregate_at(%s::uuid, %s::timestamptz)",
    "wait_for_projection": "select"
    " evident.wait_for_projection(%s, %s::bigint, %s::interval)",
    "projection_definition": "select evident.projection_definition(%s)",
    "leaf_entry": f"select evident.leaf_entry({EVENT})",
    "leaf_hash": f"select evident.leaf_hash({EVENT})",
    "root_hash": "select evident.root_hash(%s::bigint)",
    "inclusion_proof": "select count(*)"
    " from evident.inclusion_proof(%s::uuid, %s::bigint)",
    "consistency_proof": "select evident.consistency_proof(%s::bigint, %s::bigint)",
    "read_tile": "select evident.read_tile(%s::integer, %s::bigint, %s::integer)",
    "seal": "select evident.seal(%s::integer)",
    "verify_ledger": "select count(*)"
    " from evident.verify_ledger(%s::bigint, %s::bigint)",
    "begin_incarnation": "select evident.begin_incarnation(%s, %s)",
    "record_publication": "select evident.record_publication(%s)",
}

STEP = "shop.apply_spare(shop.spare, evident.event_store)"
BY_NAME = (
    "drop_projection",
    "pause_projection",
    "resume_projection",
    "projection_definition",
)

# The arguments' casts alone, without the function.
CASTS = {
    "append_event": "select %s::uuid, %s::text, %s::jsonb, %s::bigint, %s::jsonb,"
    " %s::uuid",
    "append_events": "select %s::uuid, %s::jsonb, %s::bigint",
    "append_batch": "select %s::jsonb",
    "aggregate_version": "select %s::uuid",
    "read_aggregate": "select %s::uuid, %s::bigint, %s::bigint",
    "read_feed": "select %s::bigint, %s::bigint, %s::text[], %s::bigint",
    "create_consumer": "select %s::text, %s::bigint, %s::text[], %s::text",
    "seek_consumer": "select %s::text, %s::text, %s::text, %s::text",
    "drop_consumer": "select %s::text",
    "claim_events": "select %s::text, %s::text, %s::bigint, %s::interval",
    "confirm_events": "select %s::text, %s::bigint, %s::bigint, %s::bigint",
    "release_events": "select %s::text, %s::bigint, %s::bigint",
    "park_event": "select %s::text, %s::bigint, %s::bigint, %s::bigint, %s::text",
    "retry_parked": "select %s::text, %s::uuid, %s::text, %s::text",
    "skip_parked": "select %s::text, %s::uuid, %s::text, %s::text",
    "create_projection": "select"
    " %s::regclass, %s::regprocedure, %s::text[], %s::text, %s::regprocedure",
    "drop_projection": "select %s::text",
    "pause_projection": "select %s::text",
    "resume_projection": "select %s::text",
    "run_projection": "select %s::text, %s::integer",
    "retry_failure": "select %s::text, %s::text",
    "skip_failure": "select %s::text, %s::text, %s::text, %s::text",
    "rebuild_projection": "select %s::text, %s::integer, %s::integer",
    "verify_projection": "select %s::text, %s::text",
    "project": "select %s::text, %s::text, %s::bigint, %s::bigint, %s::timestamptz",
    "project at": "select %s::text, %s::text, %s::timestamptz",
    "aggregate_at": "select %s::uuid, %s::timestamptz",
    "wait_for_projection": "select %s::text, %s::bigint, %s::interval",
    "projection_definition": "select %s::text",
    "leaf_entry": f"select {EVENT}",
    "leaf_hash": f"select {EVENT}",
    "root_hash": "select %s::bigint",
    "inclusion_proof": "select %s::uuid, %s::bigint",
    "consistency_proof": "select %s::bigint, %s::bigint",
    "read_tile": "select %s::integer, %s::bigint, %s::integer",
    "seal": "select %s::integer",
    "verify_ledger": "select %s::bigint, %s::bigint",
    "begin_incarnation": "select %s::text, %s::text",
    "record_publication": "select %s::text",
}

_integers = st.one_of(st.none(), integers)
_metadata = st.one_of(st.just("{}"), st.none(), json_values)
_event_ids = st.one_of(st.none(), aggregate_names)
_consumers = st.one_of(st.none(), st.just("relay"), names)
_leases = st.sampled_from(
    [None, "1 second", "0", "-1 s", "1 day", "1 month -29 days", "178000000 years", "x"]
)
# Never a long wait: nobody else appends or runs.
_waits = st.sampled_from([None, "0", "1 ms", "-1 s", "2 days", "178000000 years", "x"])
_moments = st.sampled_from(
    [
        None,
        "now",
        "infinity",
        "-infinity",
        "2000-01-31 12:00+00",
        "294277-01-01",
        "",
        "x",
    ]
)
_projections = st.one_of(
    st.none(),
    st.sampled_from(["shop.orders_summary", "shop.types", "shop.amounts"]),
    names,
)
_keys = st.one_of(st.none(), st.just(""), aggregate_names)
_read_models = st.one_of(
    st.none(),
    st.sampled_from(
        [
            *("shop.types", "shop.spare", "shop.events_of_types", "evident.projection"),
            *(
                "shop.types_event_type_pkey",
                "pg_catalog.pg_class",
                "shop.",
                "7",
                "a.b.c",
            ),
        ]
    ),
    names,
)
_steps = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "shop.apply_types(shop.types, evident.event_store)",
            "shop.apply_spare(shop.spare, evident.event_store)",
            "shop.types_key(evident.event_store)",
            "evident._now()",
            "pg_catalog.now()",
            *("shop.fold_types(text, evident.event_store)", "7", "now(", "f(x)"),
        ]
    ),
    names,
)
_modes = st.one_of(st.none(), st.sampled_from(["sync", "async"]), names)
_types = st.one_of(st.none(), st.lists(st.one_of(names, st.none()), max_size=3))
_events = st.tuples(
    *(_integers, aggregate_names, _integers, names, payloads, _metadata),
    *(_event_ids, _moments, names),
)
# What appends an event to the log's own aggregate.
APPENDING = (
    "append_event",
    "append_events",
    "append_batch",
    "seal",
    "begin_incarnation",
)

ARGUMENTS: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "append_event": st.tuples(
        aggregate_names, names, payloads, _integers, _metadata, _event_ids
    ),
    "append_events": st.tuples(aggregate_names, event_arrays, _integers),
    "append_batch": st.tuples(batches),
    "aggregate_version": st.tuples(aggregate_names),
    "read_aggregate": st.tuples(aggregate_names, _integers, _integers),
    "read_feed": st.tuples(_integers, _integers, _types, _integers),
    "create_consumer": st.tuples(_consumers, _integers, _types, _consumers),
    "seek_consumer": st.tuples(_consumers, _consumers, _consumers, _consumers),
    "drop_consumer": st.tuples(_consumers),
    "claim_events": st.tuples(_consumers, _consumers, _integers, _leases),
    "confirm_events": st.tuples(_consumers, _integers, _integers, _integers),
    "release_events": st.tuples(_consumers, _integers, _integers),
    "park_event": st.tuples(_consumers, _integers, _integers, _integers, _consumers),
    "retry_parked": st.tuples(_consumers, aggregate_names, _consumers, _consumers),
    "skip_parked": st.tuples(_consumers, aggregate_names, _consumers, _consumers),
    "create_projection": st.tuples(_read_models, _steps, _types, _modes, _steps),
    "drop_projection": st.tuples(_projections),
    "pause_projection": st.tuples(_projections),
    "resume_projection": st.tuples(_projections),
    "run_projection": st.tuples(_projections, _integers),
    "retry_failure": st.tuples(_projections, _keys),
    "skip_failure": st.tuples(_projections, _keys, _consumers, _consumers),
    "rebuild_projection": st.tuples(_projections, _integers, _integers),
    "verify_projection": st.tuples(_projections, _keys),
    "project": st.tuples(_projections, _keys, _integers, _integers, _moments),
    "project at": st.tuples(_projections, _keys, st.one_of(_moments, names)),
    "aggregate_at": st.tuples(aggregate_names, _moments),
    "wait_for_projection": st.tuples(_projections, _integers, _waits),
    "projection_definition": st.tuples(_projections),
    "leaf_entry": _events,
    "leaf_hash": _events,
    "root_hash": st.tuples(_integers),
    "inclusion_proof": st.tuples(_event_ids, _integers),
    "consistency_proof": st.tuples(_integers, _integers),
    "read_tile": st.tuples(_integers, _integers, _integers),
    "seal": st.tuples(_integers),
    "verify_ledger": st.tuples(_integers, _integers),
    "begin_incarnation": st.tuples(names, st.one_of(st.none(), names)),
    "record_publication": st.tuples(st.one_of(st.none(), names)),
}


def listed_calls() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Put each listed value and name into each place of each append function."""
    for value in VALUES:
        yield "append_event", (AGGREGATE, "Noted", value, None, "{}", None)
        yield "append_event", (AGGREGATE, "Noted", f'{{"a": {value}}}', 0, "{}", None)
        yield "append_event", (AGGREGATE, "Noted", "{}", None, value, None)
        yield "append_events", (AGGREGATE, value, None)
        yield "append_events", (AGGREGATE, f"[{value}]", None)
        yield "append_batch", (value,)
        yield "append_batch", (f"[{value}]",)
        for key in ("type", "payload", "metadata", "event_id", "unknown"):
            event = event_with(key, value)
            yield "append_events", (AGGREGATE, f"[{event}]", None)
            yield "append_batch", (f"[{entry_with('events', f'[{event}]')}]",)
        for key in ("aggregate_id", "expected_version", "events", "unknown"):
            yield "append_batch", (f"[{entry_with(key, value)}]",)
    for name in NAMES:
        yield "append_event", (AGGREGATE, name, "{}", None, "{}", None)
        yield "append_event", (name, "Noted", "{}", None, "{}", name)
        yield "read_feed", ("0", "10", [name], "1000")
        yield "create_consumer", (name, 2, [name], None)
        yield "create_consumer", ("spare", 2, None, name)
        yield "seek_consumer", (name, name, name, name)
        yield "claim_events", (name, name, 10, "1 s")
        yield "confirm_events", (name, 0, 1, 1)
        yield "release_events", (name, 0, 1)
        yield "park_event", (name, 0, 1, 1, name)
        yield "retry_parked", (name, AGGREGATE, name, name)
        yield "skip_parked", (name, AGGREGATE, name, name)
        yield "drop_consumer", (name,)
        yield "create_projection", ("shop.spare", STEP, [name], name, None)
        yield "create_projection", ("shop.spare", STEP, [name], "async", name)
        yield "create_projection", (name, name, None, "sync", None)
        yield "run_projection", (name, 1)
        yield "run_projection", ("shop.amounts", 1)
        for known in ("shop.types", "shop.amounts"):
            yield "retry_failure", (known, name)
            yield "skip_failure", (known, name, name, name)
            yield "project", (known, name, None, None, None)
            yield "project at", (known, name, name)
        yield "begin_incarnation", (name, None)
        yield "begin_incarnation", (name, name)
        yield "record_publication", (name,)
        yield (
            "leaf_hash",
            ("1", AGGREGATE, "1", name, "{}", "{}", AGGREGATE, "now", name),
        )
        for function in BY_NAME:
            yield function, (name,)
        event = event_with("type", json.dumps(name))
        yield "append_events", (AGGREGATE, f"[{event}]", None)
        event = event_with("payload", json.dumps({name: name}))
        yield "append_batch", (f"[{entry_with('events', f'[{event}]')}]",)


def event_with(key: str, value: str) -> str:
    members = {"type": '"Noted"', "payload": "{}", key: value}
    return "{" + ", ".join(f'"{k}": {v}' for k, v in members.items()) + "}"


def entry_with(key: str, value: str) -> str:
    events = '[{"type": "Noted", "payload": {}}]'
    members = {"aggregate_id": f'"{AGGREGATE}"', "events": events, key: value}
    return "{" + ", ".join(f'"{k}": {v}' for k, v in members.items()) + "}"


def rows(connection: Connection) -> int:
    row = connection.execute("select count(*) from evident.event_store").fetchone()
    assert row is not None
    return int(row[0])


def code_of(connection: Connection, statement: str, arguments: Sequence[Any]) -> str:
    try:
        connection.execute(statement, arguments)
    except psycopg.Error as error:
        return error.sqlstate or "connection lost"
    return "ok"


def input_violations(
    connection: Connection, function: str, arguments: Sequence[Any]
) -> list[str]:
    """Call once; name an undocumented error, or rows that a refusal left behind."""
    before = rows(connection)
    code = code_of(connection, STATEMENTS[function], arguments)
    stored = rows(connection) - before
    call = f"{function}{str(arguments)[:200]}: {code}"
    found = []
    if code in SERVER:
        if code_of(connection, CASTS[function], arguments) != code:
            found.append(f"{call}, but its arguments are fine")
    elif code not in CONTRACT and code != "ok":
        found.append(call)
    if stored and (code != "ok" or function not in APPENDING):
        found.append(f"{call}, and {stored} rows")
    # An incarnation may find that the guards have changed, too.
    most = 2 if function == "begin_incarnation" else 1
    if function in ("append_event", "seal", "begin_incarnation") and stored > most:
        found.append(f"{call}, and {stored} rows")
    if function == "append_events" and stored:
        query = "select jsonb_array_length(%s)"
        expected = connection.execute(query, [arguments[1]]).fetchone()
        if expected != (stored,):
            found.append(f"{call}, and {stored} of {expected} events")
    return found
