"""The recipe that takes advisory locks away from logins without rights."""

from __future__ import annotations

import re
import uuid
from typing import Any

import psycopg
import pytest

from pg_evident.places import ROOT
from support.clients.store import Connection, Store

PAGE = ROOT / "docs/guards.md"
ORDER = '{"customer_id": "c", "ordered_on": "2026-01-01", "amount": 1, "quantity": 1}'
FUNCTIONS = """
select p.oid::regprocedure::text
from pg_proc as p
where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ 'advisory'
order by 1
"""


def recipe() -> str:
    (found,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), flags=re.S)
    return str(found)


def one(connection: Connection, query: str, *values: Any) -> Any:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.promise(26)
def test_without_advisory_locks_for_everybody_all_of_the_store_works(
    store: Store, observer: Connection
) -> None:
    observer.execute(recipe().encode())
    login = store.connect()
    with login.transaction():
        for (name,) in observer.execute(FUNCTIONS.encode()).fetchall():
            arguments = name[name.index("(") :].replace("integer", "1")
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege),
                login.transaction(),
            ):
                call = f"select {name[: name.index('(')]}{arguments}"
                login.execute(call.replace("bigint", "1").encode())

    aggregate, other = uuid.uuid4(), uuid.uuid4()
    append = "select evident.append_event(%s, 'OrderCreated', %s)"
    assert one(login, append, aggregate, ORDER) == 1
    events = f'[{{"type": "OrderCreated", "payload": {ORDER}}}]'
    login.execute("select evident.append_events(%s, %s)", [other, events])
    entry = f'[{{"aggregate_id": "{uuid.uuid4()}", "events": {events}}}]'
    login.execute("select * from evident.append_batch(%s)", [entry])
    assert one(login, "select count(*) from evident.read_feed(0)") == 3
    assert one(login, "select count(*) from shop.orders_summary") == 3
    assert one(login, "select evident.run_projection('shop.daily_sales')") == 3
    assert one(login, "select evident.seal()") >= 3
    login.execute("select evident.pause_projection('shop.orders_summary')")
    login.execute("select evident.resume_projection('shop.orders_summary')")
    login.execute("select evident.run_projection('shop.orders_summary')")
    login.execute("select evident.rebuild_projection('shop.orders_summary')")
    assert (
        one(
            login,
            "select count(*) from evident.verify_projection(%s)",
            "shop.orders_summary",
        )
        == 0
    )
    login.execute("select evident.create_consumer('recipe')")
    assert (
        one(login, "select count(*) from evident.claim_events('recipe', 'w', 100)") >= 3
    )
    login.execute("select evident.begin_incarnation('the recipe')")
    login.execute("select evident.drop_projection('shop.stock_level')")
    assert one(login, "select count(*) from evident.blocker") == 0
