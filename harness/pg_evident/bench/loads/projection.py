"""Measure appends that keep a read model, beside event and row written by hand."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable

from pg_evident.bench.loads.append import NEW, OWN, Connection, single_appends
from pg_evident.bench.measure.footprint import footprinted
from pg_evident.bench.measure.processors import metered
from pg_evident.bench.stage.read_model import (
    CREATED,
    HAND,
    MODEL,
    PAID,
    build_read_model,
    drift,
    register,
)
from pg_evident.bench.stage.schema import PAYLOAD, STORE, TWIN, WRITER, count
from pg_evident.bench.stage.server import TEMPLATE, Bench, checkpoint, fresh_database
from pg_evident.bench.terms import Budget, Candidate, Sample, Workload
from pg_evident.database import connect

_BUDGETS = (Budget(0.68),)
_BATCH_WARM_UP = 3  # transactions
_ORDERS = 500  # per batch, with two events each

_EVIDENT = (
    "select evident.append_event({aggregate}, :event_type, :payload,"
    " {version}::integer);"
)
BY_HAND = (
    "with e as (insert into bench.event_store"
    " (aggregate_id, version, event_type, payload)"
    " values ({aggregate}, {version}::integer + 1, :event_type, :payload) returning *)"
    " insert into bench.orders_by_hand as t (aggregate_id, customer_id, ordered_on,"
    " quantity, amount, status, paid, version, updated_at)"
    " select e.aggregate_id, e.payload ->> 'customer_id',"
    " (e.payload ->> 'ordered_on')::date, (e.payload ->> 'quantity')::integer,"
    " (e.payload ->> 'amount')::numeric, 'created', 0, e.version, e.occurred_at from e"
    " on conflict (aggregate_id) do update set {change};"
)
REPLACE = (
    "customer_id = excluded.customer_id, ordered_on = excluded.ordered_on,"
    " quantity = excluded.quantity, amount = excluded.amount,"
    " status = excluded.status, version = excluded.version,"
    " updated_at = excluded.updated_at"
)
PAY = (
    "status = 'paid', paid = t.paid + excluded.amount, version = excluded.version,"
    " updated_at = excluded.updated_at"
)
_BATCH_BY_HAND = (
    "with e as (insert into bench.event_store"
    " (aggregate_id, version, event_type, payload)"
    " select (a.value ->> 'aggregate_id')::uuid, v.ordinality, v.value ->> 'type',"
    " v.value -> 'payload' from jsonb_array_elements(%s::jsonb) as a (value)"
    " cross join lateral jsonb_array_elements(a.value -> 'events')"
    " with ordinality as v (value, ordinality) returning *)"
    " insert into bench.orders_by_hand as t (aggregate_id, customer_id, ordered_on,"
    " quantity, amount, status, paid, version, updated_at)"
    " select c.aggregate_id, c.payload ->> 'customer_id',"
    " (c.payload ->> 'ordered_on')::date, (c.payload ->> 'quantity')::integer,"
    " (c.payload ->> 'amount')::numeric, 'paid', (p.payload ->> 'amount')::numeric,"
    " p.version, p.occurred_at from e as c inner join e as p using (aggregate_id)"
    f" where c.event_type = '{CREATED}' and p.event_type = '{PAID}'"
    f" on conflict (aggregate_id) do update set {REPLACE}"
)
_BATCH = "select b.version from evident.append_batch(%s) as b"


def _prepare(bench: Bench) -> None:
    """Add the read model, kept by appends, to the template database."""
    with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
        connection.execute("truncate bench.event_store")
        build_read_model(connection)
        register(connection, "sync")
        connection.execute("select evident.rebuild_projection(%s)", (MODEL,))


def projection_workloads(bench: Bench) -> list[Workload]:
    """Return the workloads of `evident bench projection`; by hand is the reference.

    Bytes are those of event and read-model row together: what an append leaves.
    """
    _prepare(bench)
    connections = f"{bench.clients} connections"
    return [
        _single(bench, f"new aggregates, {connections}", NEW, "0", CREATED, REPLACE),
        _single(bench, f"known versions, {connections}", OWN, ":v", PAID, PAY),
        Workload(
            f"append of 1,000 events of {_ORDERS} aggregates with one synchronous"
            " projection, 1 connection",
            "events/s",
            [
                Candidate(
                    "one statement by hand",
                    "the row that this statement's author thought of",
                    _batches(bench, _BATCH_BY_HAND, TWIN, HAND),
                ),
                Candidate(
                    "evident.append_batch",
                    "exact versions; the row that the events fold to",
                    _batches(bench, _BATCH, STORE, MODEL),
                    _BUDGETS,
                ),
            ],
        ),
    ]


def _single(
    bench: Bench, title: str, aggregate: str, version: str, event_type: str, change: str
) -> Workload:
    names = {"aggregate": aggregate, "version": version, "change": change}
    return Workload(
        f"append with one synchronous projection: {title}",
        "events/s",
        [
            Candidate(
                "one statement by hand",
                "the row that this statement's author thought of",
                _singles(bench, BY_HAND.format(**names), TWIN, HAND, event_type),
            ),
            Candidate(
                "evident.append_event",
                "exact version or PT409; the row that the events fold to",
                _singles(bench, _EVIDENT.format(**names), STORE, MODEL, event_type),
                _BUDGETS,
            ),
        ],
    )


def _singles(
    bench: Bench, command: str, table: str, model: str, event_type: str
) -> Callable[[], Sample]:
    return single_appends(
        bench,
        command,
        table,
        clients=bench.clients,
        event_type=event_type,
        also=(model,),
        is_right=lambda connection: _is_right(connection, model),
    )


def _batches(
    bench: Bench, statement: str, table: str, model: str
) -> Callable[[], Sample]:
    def measure() -> Sample:
        with (
            fresh_database(bench) as database,
            connect(
                bench.server.uri_for(database), user=WRITER, autocommit=True
            ) as writer,
        ):
            for _ in range(_BATCH_WARM_UP):
                writer.execute(statement, (_document(),), prepare=True)
            checkpoint(bench)
            calls, spent = 0, 0.0
            with (
                footprinted(bench, database, table, model) as growth,
                metered(bench.server) as usage,
            ):
                while spent < bench.seconds:
                    document = _document()
                    start = time.perf_counter()
                    writer.execute(statement, (document,), prepare=True)
                    spent += time.perf_counter() - start
                    calls += 1
            with connect(bench.server.uri_for(database), autocommit=True) as connection:
                rows = count(connection, model)
                is_right = _is_right(connection, model)
        expected = (calls + _BATCH_WARM_UP) * _ORDERS
        if model == MODEL:
            with connect(bench.server.uri_for(TEMPLATE), autocommit=True) as connection:
                expected += count(connection, MODEL)
        return Sample(
            operations=calls * _ORDERS * 2,
            seconds=spent,
            usage=usage,
            is_right=is_right and rows == expected,
            footprint=growth.per(calls * _ORDERS * 2),
        )

    return measure


def _document() -> str:
    created = f'{{"type": "{CREATED}", "payload": {PAYLOAD}}}'
    paid = json.dumps({"type": PAID, "payload": {"amount": 47.11}})
    entries = ", ".join(
        f'{{"aggregate_id": "{uuid.uuid4()}", "expected_version": 0,'
        f' "events": [{created}, {paid}]}}'
        for _ in range(_ORDERS)
    )
    return f"[{entries}]"


def _is_right(connection: Connection, model: str) -> bool:
    """Say whether the read model is what the events fold to; by hand, who knows."""
    return model != MODEL or drift(connection) == 0
