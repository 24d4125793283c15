"""A rebuild of a long log while eight writers append: nobody fails, nobody waits long.

The log has 12,000 events; a million with EVIDENT_FULL=1.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any

import psycopg
import pytest

from support.clients.store import LOGIN, Store
from support.clients.waiting import Background, is_true
from support.seeds import scaled

pytestmark = pytest.mark.promise(9)

Observer = psycopg.Connection[Any]

EVENTS = scaled(12_000, 1_000_000)
WRITERS = 8
# In seconds, or as a part of the whole: an append never waits for the long fold.
LONGEST, LONGEST_PART = 2.0, 0.2
MODEL = "shop.orders_summary"

FILL = """
insert into evident.event_store (aggregate_id, version, event_type, payload)
select
    md5('order/' || mod(n.number, %(orders)s)::text)::uuid,
    n.number / %(orders)s + 1,
    (array['OrderCreated', 'PaymentProcessed', 'ItemShipped'])[
        n.number / %(orders)s + 1
    ],
    '{"customer_id": "c", "ordered_on": "1997-01-12", "quantity": 1, "amount": 9.5}'
from generate_series(0, %(orders)s * 3 - 1) as n (number)
order by n.number
"""
RUNNING = """
exists (
    select from evident.projection as p where p.name = %s and p.state = 'running'
)
"""
APPEND = "select evident.append_event(%s, 'OrderCreated', %s, 0)"
ORDER = json.dumps({"customer_id": "new", "amount": 3})


def append_until(store: Store, over: threading.Event) -> tuple[int, float]:
    """Append new orders; give how many, and the longest wait in seconds."""
    count, longest = 0, 0.0
    with store.connect() as connection:
        while not over.is_set():
            start = time.perf_counter()
            connection.execute(APPEND, [uuid.uuid4(), ORDER], prepare=True)
            longest = max(longest, time.perf_counter() - start)
            count += 1
    return count, longest


def test_a_rebuild_of_a_long_log_beside_eight_writers(
    store: Store, observer: Observer
) -> None:
    observer.execute(f"alter role {LOGIN} set statement_timeout = '600s'".encode())
    observer.execute("select evident.pause_projection(%s)", [MODEL])
    psycopg.ClientCursor(observer).execute(FILL, {"orders": EVENTS // 3})
    observer.execute("analyze evident.event_store")
    observer.execute("select evident.resume_projection(%s)", [MODEL])
    observer.execute("select evident.rebuild_projection(%s)", [MODEL])
    # Where autovacuum was at the table just then, the next run hands it over.
    deadline = time.monotonic() + 60
    while not is_true(observer, RUNNING, MODEL):
        assert time.monotonic() < deadline
        observer.execute("select evident.run_projection(%s)", [MODEL])
    changed = observer.execute(
        "update shop.orders_summary set paid = -1"
        " where aggregate_id in ("
        "     select s.aggregate_id from shop.orders_summary as s"
        "     order by s.aggregate_id limit 500)"
    ).rowcount

    over = threading.Event()
    writing = [Background(lambda: append_until(store, over)) for _ in range(WRITERS)]
    started = time.perf_counter()
    try:
        with store.connect() as operator:
            row = operator.execute(
                "select evident.rebuild_projection(%s)", [MODEL]
            ).fetchone()
    finally:
        over.set()
    seconds = time.perf_counter() - started
    outcomes = [each.result() for each in writing]
    lock_time = observer.execute(
        "select extract(epoch from b.lock_time) from evident.projection_rebuild as b"
    ).fetchone()
    print(
        f"{sum(count for count, _ in outcomes)} appends beside it, the longest took"
        f" {max(longest for _, longest in outcomes):.3f} s, the lock {lock_time}"
    )

    assert row == (changed,)
    assert all(count > 0 for count, _ in outcomes)
    longest = max(longest for _, longest in outcomes)
    assert longest < max(LONGEST, LONGEST_PART * seconds)
    drift = "select count(*) from evident.verify_projection(%s)"
    assert observer.execute(drift, [MODEL]).fetchone() == (0,)
