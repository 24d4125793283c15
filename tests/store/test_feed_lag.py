"""Promise 7: an unrelated long transaction does not hold the feed back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from conftest import Database
from report.evidence import Figures
from support.checkers.feed import lag_violations
from support.clients.idlers import idle_transactions, measure_lag
from support.clients.store import Store
from support.clients.waiting import is_true
from support.seeds import FULL

pytestmark = pytest.mark.promise(7)

SECONDS = 30.0 if FULL else 2.0
LAG = 1.0

STILL_IDLE = """
(
    select count(*) = cardinality(%s)
    from pg_stat_activity as a
    where a.pid = any (%s) and a.state = 'idle in transaction'
)
"""


def test_idle_transactions_do_not_hold_the_feed_back(
    store: Store,
    db: Database,
    empty_db: Database,
    observer: psycopg.Connection[Any],
    rng: random.Random,
    figures: Figures,
) -> None:
    with idle_transactions(db, empty_db) as pids:
        acknowledged, seen = measure_lag(store, rng, SECONDS)
        assert is_true(observer, STILL_IDLE, pids, pids)
    worst = max(seen[number] - when for number, when in acknowledged.items())
    print(f"{len(acknowledged)} events, the slowest seen after {worst:.4f} s")
    assert lag_violations(acknowledged, seen, LAG) == []
    figures.add(events=len(acknowledged))
    figures.worst(lag_seconds=worst)


@pytest.mark.twin_of(7)
def test_a_transaction_id_horizon_is_caught_lagging(
    store: Store,
    db: Database,
    empty_db: Database,
    rng: random.Random,
    twin: Callable[[str], None],
) -> None:
    twin("horizon_feed")
    with idle_transactions(db, empty_db):
        acknowledged, seen = measure_lag(store, rng, 1.0)
    assert lag_violations(acknowledged, seen, LAG)


def test_a_horizon_without_idle_transactions_is_not_late(
    store: Store, rng: random.Random, twin: Callable[[str], None]
) -> None:
    """The control: it is the idle transactions that the check catches."""
    twin("horizon_feed")
    acknowledged, seen = measure_lag(store, rng, 1.0)
    assert lag_violations(acknowledged, seen, LAG) == []
