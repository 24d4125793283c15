"""The part of the demo about projections: catch up, rebuild, drift, time travel."""

from __future__ import annotations

import time
import uuid
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from rich.console import Console

from pg_evident.demo.show import escape, note, refused, say, table
from pg_evident.intake.orders import NAMESPACE

ACCOUNT = uuid.uuid5(NAMESPACE, "demo account")
WAREHOUSE = uuid.uuid5(NAMESPACE, "demo warehouse")

# (aggregate, type, payload): appended once, whatever the version, as each event's
# id derives from its place in this list.
_EVENTS: list[tuple[uuid.UUID, str, dict[str, Any]]] = [
    (ACCOUNT, "AccountOpened", {}),
    (ACCOUNT, "MoneyDeposited", {"amount": 100}),
    (
        WAREHOUSE,
        "GoodsReceived",
        {"items": [{"sku": "CD-1", "quantity": 40}, {"sku": "CD-2", "quantity": 25}]},
    ),
    (
        WAREHOUSE,
        "GoodsPicked",
        {"items": [{"sku": "CD-1", "quantity": 3}, {"sku": "CD-2", "quantity": 1}]},
    ),
]
_APPEND = "select evident.append_event(%s, %s::text, %s, p_event_id => %s)"
_WITHDRAW = "select shop.withdraw(%s, %s)"

_STATUS = """
    select s.name, s.mode, s.state, s.events_behind, s.failures
    from evident.projection_status as s
    order by s.name
"""
_READ_MODELS = {
    "shop.customer_activity": """
        select
            c.customer_id, c.orders, c.amount, c.payments,
            c.first_ordered_on, c.last_ordered_on
        from shop.customer_activity as c
        order by c.amount desc, c.customer_id
        limit 3
    """,
    "shop.daily_sales": """
        select d.day, d.orders, d.quantity, d.amount
        from shop.daily_sales as d
        order by d.amount desc, d.day
        limit 3
    """,
    "shop.stock_level": """
        select s.sku, s.received, s.picked, s.on_hand
        from shop.stock_level as s
        order by s.sku
        limit 3
    """,
    "shop.account_balance": """
        select b.aggregate_id as account, b.balance, b.version
        from shop.account_balance as b
        order by b.aggregate_id
        limit 3
    """,
}
_SPOIL = """
    update shop.orders_summary as o
    set paid = o.paid + 1000, status = 'refunded'
    where o.aggregate_id = %s
"""
_DRIFT = """
    select v.key, c.key as column, c.value as stored, v.replayed ->> c.key as replayed
    from evident.verify_projection('shop.orders_summary') as v
    cross join lateral jsonb_each_text(v.stored) as c
    where c.value is distinct from v.replayed ->> c.key
    order by v.key, c.key
"""
_TRAVEL = """
    select
        e.version,
        e.event_type as after,
        p.state ->> 'status' as status,
        p.state ->> 'amount' as amount,
        p.state ->> 'paid' as paid
    from evident.read_aggregate(%s) as e
    cross join lateral evident.project(
        'shop.orders_summary', e.aggregate_id::text, e.version
    ) as p (state)
    order by e.version
"""

Connection = psycopg.Connection[Any]


def show(console: Console, connection: Connection, order: Any, first: int) -> None:
    """Print the steps about projections, numbered from `first`.

    `order` is the id of one order; it is changed behind the engine's back, and
    repaired. Needs a connection of an owner or superuser, in autocommit mode.
    """
    _append(connection)
    say(console, first, "Asynchronous read models catch up")
    _catch_up(console, connection)
    table(console, connection, _STATUS)
    for name, query in _READ_MODELS.items():
        note(console, name)
        table(console, connection, query)

    say(console, first + 1, "Decide, then append: an account cannot be overdrawn")
    refused(console, connection, _WITHDRAW, [ACCOUNT, 250])

    say(console, first + 2, "Rebuild while serving: equal rows are not written")
    for (name,) in connection.execute(
        "select s.name from evident.projection_status as s order by s.name"
    ).fetchall():
        _rebuild(console, connection, name)

    say(console, first + 3, "Somebody changes a row behind the engine's back")
    _drift(console, connection, order)

    say(console, first + 4, f"Time travel: order {order} as of each version")
    table(console, connection, _TRAVEL, [order])


def _append(connection: Connection) -> None:
    for number, (aggregate, kind, payload) in enumerate(_EVENTS):
        event_id = uuid.uuid5(NAMESPACE, f"demo event {number}")
        connection.execute(_APPEND, [aggregate, kind, Jsonb(payload), event_id])


def _catch_up(console: Console, connection: Connection) -> None:
    """Call run_projection for each until there is nothing left to fold."""
    names = connection.execute(
        "select s.name from evident.projection_status as s order by s.name"
    ).fetchall()
    for (name,) in names:
        folded, began = 0, time.monotonic()
        while count := _number(
            connection, "select evident.run_projection(%s, 5000)", name
        ):
            folded += count
        seconds = time.monotonic() - began
        if folded:
            console.print(
                f"   {escape(name)}: {folded:,} events in {seconds:.2f} s,"
                f" {folded / seconds:,.0f} events/s"
            )


def _rebuild(console: Console, connection: Connection, name: str) -> None:
    began = time.monotonic()
    written = _number(connection, "select evident.rebuild_projection(%s)", name)
    seconds = time.monotonic() - began
    console.print(f"   {escape(name)}: rows written {written}, in {seconds:.2f} s")


def _drift(console: Console, connection: Connection, order: Any) -> None:
    note(console, " ".join(_SPOIL.split()) % f"'{order}'")
    with connection.transaction():
        connection.execute("set local role evident_projector")
        connection.execute(_SPOIL.encode(), [order])
    note(console, "select ... from evident.verify_projection('shop.orders_summary')")
    if not table(console, connection, _DRIFT):
        raise AssertionError("the drift check missed a changed row")
    _rebuild(console, connection, "shop.orders_summary")
    if connection.execute(_DRIFT.encode()).fetchall():
        raise AssertionError("the rebuild has not repaired the row")
    console.print("   verify_projection: no row, all is as the events say")


def _number(connection: Connection, query: str, name: str) -> int:
    row = connection.execute(query.encode(), [name]).fetchone()
    assert row is not None
    return int(row[0])
