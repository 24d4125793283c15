"""Calls of every public function, on each of its paths.

Those of projections are about the read models of read_models.sql.
"""

from __future__ import annotations

import json
import uuid

import psycopg

from support.clients.calls import Connection

KNOWN = uuid.UUID(int=7)
EVENT_ID = uuid.UUID(int=77)


def _batch(*entries: dict[str, object]) -> str:
    return json.dumps([{"aggregate_id": str(KNOWN), **entry} for entry in entries])


EVENTS = [{"type": "OrderCreated", "payload": {"amount": 1}}]
WITH_ID = [{"type": "Noted", "payload": {}, "event_id": str(EVENT_ID)}]

EVENT = "select evident.append_event(%s, %s, %s, %s, '{}', %s)"
MANY = "select evident.append_events(%s, %s, %s)"
BATCH = "select * from evident.append_batch(%s)"

APPENDS: dict[str, list[tuple[str, list[object]]]] = {
    "append_event": [
        (EVENT, [KNOWN, "OrderCreated", "{}", 0, None]),
        (EVENT, [KNOWN, "ItemShipped", "{}", 1, None]),
        (EVENT, [KNOWN, "Noted", "{}", None, EVENT_ID]),
        (EVENT, [KNOWN, "Noted", "{}", -1, EVENT_ID]),
        (EVENT, [KNOWN, "Other", "{}", 0, EVENT_ID]),
        (EVENT, [KNOWN, "Noted", "{}", 9, None]),
        (EVENT, [uuid.UUID(int=8), "Noted", "{}", -1, None]),
        (EVENT, [KNOWN, "", "{}", None, None]),
        (EVENT, [KNOWN, "PaymentProcessed", '{"amount": 2}', None, None]),
        (EVENT, [KNOWN, "PaymentProcessed", '{"amount": "much"}', None, None]),
        (EVENT, [KNOWN, "Noted", '{"amount": "much"}', None, None]),
        (EVENT, [None, "Noted", "{}", -7, None]),
    ],
    "append_events": [
        (MANY, [KNOWN, json.dumps(EVENTS * 3), None]),
        (MANY, [KNOWN, json.dumps(EVENTS), -1]),
        (MANY, [KNOWN, json.dumps(WITH_ID), 0]),
        (MANY, [KNOWN, json.dumps(WITH_ID * 2), 0]),
        (MANY, [KNOWN, json.dumps(EVENTS), 99]),
        (MANY, [KNOWN, "[3]", None]),
    ],
    "append_batch": [
        (BATCH, [_batch({"expected_version": None, "events": EVENTS})]),
        (BATCH, [_batch({"expected_version": 0, "events": WITH_ID})]),
        (BATCH, [_batch({"expected_version": -1})]),
        (BATCH, [_batch({"expected_version": 99, "events": EVENTS})]),
        (BATCH, [_batch({}, {})]),
        (BATCH, ["[]"]),
    ],
}

READS: dict[str, list[tuple[str, list[object]]]] = {
    "aggregate_version": [("select evident.aggregate_version(%s)", [KNOWN])],
    "read_aggregate": [("select * from evident.read_aggregate(%s, 1, 9)", [KNOWN])],
    "safe_position": [("select evident.safe_position()", [])],
    "read_feed": [
        ("select * from evident.read_feed(0, 10, '{Noted}')", []),
        ("select * from evident.read_feed(-1)", []),
    ],
    "feed_status": [("select * from evident.feed_status", [])],
    "announcement": [("select * from evident.announcement", [])],
    "blocker": [("select * from evident.blocker", [])],
    "require_utf8": [("select evident.require_utf8()", [])],
    "consumer_status": [("select * from evident.consumer_status", [])],
    "projection_status": [("select * from evident.projection_status", [])],
    "projection_definition": [
        ("select evident.projection_definition('shop.types')", []),
        ("select evident.projection_definition('nobody')", []),
    ],
    "verify_projection": [
        ("select * from evident.verify_projection('shop.orders_summary')", []),
        ("select * from evident.verify_projection('shop.types')", []),
        ("select * from evident.verify_projection('shop.amounts')", []),
        (
            "select * from evident.verify_projection('shop.orders_summary', %s)",
            [str(KNOWN)],
        ),
        ("select * from evident.verify_projection('shop.orders_summary', 'x')", []),
        ("select * from evident.verify_projection('nobody')", []),
    ],
    "project": [
        ("select evident.project('shop.orders_summary', %s, 2)", [str(KNOWN)]),
        (
            "select evident.project('shop.orders_summary', %s, p_until => 'infinity')",
            [str(KNOWN)],
        ),
        (
            "select evident.project('shop.orders_summary', %s, p_until => 'now')",
            [str(KNOWN)],
        ),
        (
            "select evident.project('shop.orders_summary', %s, p_until => 'never')",
            [str(KNOWN)],
        ),
        ("select evident.project('shop.types', 'Noted', p_until_position => 9)", []),
        ("select evident.project('shop.types', 'Noted', 1)", []),
        ("select evident.project('shop.amounts', 'no key')", []),
        ("select evident.project('nobody', 'Noted')", []),
    ],
    "aggregate_at": [
        ("select * from evident.aggregate_at(%s, 'infinity')", [uuid.UUID(int=8)]),
        ("select * from evident.aggregate_at(%s, 'infinity')", [KNOWN]),
        ("select * from evident.aggregate_at(%s, 'infinity')", [EVENT_ID]),
    ],
    "wait_for_projection": [
        ("select evident.wait_for_projection('shop.types')", []),
        ("select evident.wait_for_projection('shop.amounts', 1000, '9 ms')", []),
        ("select evident.wait_for_projection('shop.amounts', -1)", []),
        ("select evident.wait_for_projection('nobody')", []),
    ],
    "guard_status": [("select * from evident.guard_status()", [])],
    "fingerprint": [("select evident.fingerprint()", [])],
    "version": [("select evident.version()", [])],
}

CREATE = "select evident.create_consumer(%s, %s, %s)"
CLAIM = "select * from evident.claim_events(%s, 'worker', 2, '1 hour')"
# Of a fresh store: the first claim has epoch 1. No operator, for it is the caller's.
CONFIRM = "select evident.confirm_events('relay', 0, 1, %s)"
RELEASE = "select evident.release_events('relay', 0, 1)"

CONSUMERS: dict[str, list[tuple[str, list[object]]]] = {
    "stamp_position": [("select evident.stamp_position(true)", [])],
    "create_consumer": [
        (CREATE, ["relay", 1, None]),
        (CREATE, ["relay", 1, None]),
        (CREATE, ["relay", 4, None]),
        (CREATE, ["search", 1, ["Noted", "OrderCreated"]]),
        (CREATE, ["", 1, None]),
    ],
    "claim_events": [(CLAIM, ["relay"]), (CLAIM, ["search"]), (CLAIM, ["nobody"])],
    "confirm_events": [
        (CONFIRM, [0]),
        (CONFIRM, [1]),
        (CONFIRM, [10**9]),
        ("select evident.confirm_events('relay', 0, 7, 1)", []),
        ("select evident.confirm_events('nobody', 0, 1, 1)", []),
    ],
    "release_events": [
        (RELEASE, []),
        ("select evident.release_events('relay', 0, 7)", []),
        ("select evident.release_events('search', 0, 2, false)", []),
    ],
    "park_event": [
        ("select evident.park_event('search', 0, 2, 1, 'poison')", []),
        ("select evident.park_event('search', 0, 7, 1, 'poison')", []),
    ],
    "retry_parked": [
        ("select evident.retry_parked('relay', %s)", [KNOWN]),
        (
            "select evident.retry_parked('nobody', %s, 'me', 'repaired')",
            [KNOWN],
        ),
    ],
    "skip_parked": [
        (
            "select evident.skip_parked('relay', %s, 'me', 'broken')",
            [KNOWN],
        ),
        (
            "select evident.skip_parked('relay', %s, '', 'broken')",
            [KNOWN],
        ),
    ],
    "seek_consumer": [
        ("select evident.seek_consumer('search', 'now', 'me', 'enough')", []),
        ("select evident.seek_consumer('search', '0', 'me', 'once more')", []),
        ("select evident.seek_consumer('search', 'later', 'me', 'never')", []),
    ],
    "drop_consumer": [
        ("select evident.drop_consumer('search')", []),
        ("select evident.drop_consumer('nobody')", []),
    ],
}

CREATE_SPARE = """
select evident.create_projection(
    'shop.spare', 'shop.apply_spare(shop.spare, evident.event_store)', %s, %s
)
"""
RUN = "select evident.run_projection(%s, %s)"
RETRY = "select evident.retry_failure(%s, %s)"
SKIP = "select evident.skip_failure(%s, %s, 'carol', 'no amount')"
REBUILD = "select evident.rebuild_projection(%s, %s, %s)"

PROJECTIONS: dict[str, list[tuple[str, list[object]]]] = {
    "create_projection": [
        (CREATE_SPARE, [["Noted"], "sync"]),
        (CREATE_SPARE, [["Noted"], "sync"]),
        (CREATE_SPARE, [["Noted"], "async"]),
        (CREATE_SPARE, [["Noted", "OrderCreated"], "sync"]),
        (CREATE_SPARE, [[], "sync"]),
    ],
    "run_projection": [
        (RUN, ["shop.spare", 1]),
        (RUN, ["shop.spare", 1000]),
        (RUN, ["shop.amounts", 2]),
        (RUN, ["shop.amounts", 1000]),
        (RUN, ["shop.amounts", 0]),
        (RUN, ["nobody", 1]),
    ],
    "pause_projection": [
        ("select evident.pause_projection('shop.types')", []),
        ("select evident.pause_projection('nobody')", []),
    ],
    "resume_projection": [
        ("select evident.resume_projection('shop.types')", []),
        ("select evident.resume_projection('nobody')", []),
        (RUN, ["shop.types", 1000]),
    ],
    "retry_failure": [
        (RETRY, ["shop.amounts", str(KNOWN)]),
        (RETRY, ["shop.amounts", "no key"]),
        (RETRY, ["nobody", str(KNOWN)]),
    ],
    "skip_failure": [
        (SKIP, ["shop.amounts", str(KNOWN)]),
        (SKIP, ["shop.amounts", str(KNOWN)]),
        (SKIP, ["nobody", str(KNOWN)]),
        ("select evident.skip_failure('shop.amounts', 'a', '', '')", []),
    ],
    "rebuild_projection": [
        (REBUILD, ["shop.types", 0, 1]),
        (REBUILD, ["shop.amounts", 0, 1]),
        (REBUILD, ["shop.amounts", 1, 2]),
        (REBUILD, ["shop.orders_summary", 1, 2]),
        (REBUILD, ["shop.orders_summary", 2, 2]),
        (REBUILD, ["nobody", 0, 1]),
    ],
    "drop_projection": [
        ("select evident.drop_projection('shop.spare')", []),
        ("select evident.drop_projection('nobody')", []),
    ],
}

# A note over the newest tree head. What it calls is the caller's own, hence the
# schema in front.
NOTE = """
select evident.record_publication(
    pg_catalog.concat(
        s.origin, %s, s.leaves, %s, pg_catalog.encode(s.root_hash, 'base64'), %s
    )
)
from evident.ledger_status as s
"""
PROOF = "select * from evident.inclusion_proof(%s, %s)"

LEDGER: dict[str, list[tuple[str, list[object]]]] = {
    "seal": [
        ("select evident.seal(3)", []),
        ("select evident.seal()", []),
        ("select evident.seal()", []),
        ("select evident.seal(0)", []),
    ],
    "leaf_entry": [
        ("select evident.leaf_entry(e) from evident.event_store as e", []),
    ],
    "leaf_hash": [("select evident.leaf_hash(e) from evident.event_store as e", [])],
    "root_hash": [
        ("select evident.root_hash(0)", []),
        ("select evident.root_hash(3)", []),
        ("select evident.root_hash(-1)", []),
    ],
    "inclusion_proof": [
        (PROOF, [EVENT_ID, None]),
        (PROOF, [EVENT_ID, 1]),
        (PROOF, [KNOWN, None]),
    ],
    "consistency_proof": [
        ("select evident.consistency_proof(1, 3)", []),
        ("select evident.consistency_proof(2, 2)", []),
        ("select evident.consistency_proof(0, 2)", []),
    ],
    "read_tile": [
        ("select evident.read_tile(0, 0, 3)", []),
        ("select evident.read_tile(0, 0)", []),
        ("select evident.read_tile(9, 0)", []),
    ],
    "verify_ledger": [
        ("select * from evident.verify_ledger()", []),
        ("select * from evident.verify_ledger(1, 3)", []),
        ("select * from evident.verify_ledger(-1)", []),
    ],
    "record_publication": [
        (NOTE, ["\n", "\n", "\n\n\u2014 key AAAA\n"]),
        (NOTE, ["\n", "\n", "\n"]),
    ],
    "ledger_status": [("select * from evident.ledger_status", [])],
    "initialize_log": [("select evident.initialize_log()", [])],
    "repair_sequences": [("select * from evident.repair_sequences()", [])],
    "begin_incarnation": [
        ("select evident.begin_incarnation('a test', 'other')", []),
        ("select evident.begin_incarnation('', 'other')", []),
    ],
}

CALLS = {**APPENDS, **CONSUMERS, **PROJECTIONS, **LEDGER, **READS}


def call_all(connection: Connection, calls: list[tuple[str, list[object]]]) -> None:
    """Run calls one after the other, refusals included."""
    for statement, parameters in calls:
        try:
            connection.execute(statement, parameters)
        except psycopg.Error as error:
            assert error.sqlstate is not None
