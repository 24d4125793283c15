"""A conflict tells the truth about the version that stood in the way."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from support.clients.calls import Entry, append_batch, append_event, call, events_of
from support.clients.store import Store
from support.clients.waiting import Background, wait_until_blocked

pytestmark = pytest.mark.promise(3)

Observer = psycopg.Connection[Any]


def test_a_conflict_never_reports_the_version_that_was_expected(
    store: Store, observer: Observer
) -> None:
    """The version is reached while the batch waits for somebody else."""
    early, late = uuid.UUID(int=1), uuid.UUID(int=2)
    ahead = [
        Entry(early, 1, events_of("ahead", 1)),
        Entry(late, 2, events_of("ahead", 1)),
    ]
    with store.connect() as rival, store.connect() as one, store.connect() as other:
        for aggregate in (early, late):
            append_event(other, [Entry(aggregate, 0, events_of("first", 1))])
        rival.execute("begin")
        append_event(rival, [Entry(early, 1, events_of("rival", 1))])
        batch = Background(lambda: call(one, append_batch, ahead))
        wait_until_blocked(observer, one)
        append_event(other, [Entry(late, 1, events_of("second", 1))])
        rival.execute("rollback")
        outcome = batch.result()
    for conflict in outcome.conflicts or []:
        assert conflict["actual"] != conflict["expected"]


def test_a_batch_reports_every_conflict_that_its_rivals_made(
    store: Store, observer: Observer
) -> None:
    """One rival is committed already, the other one while the batch waits."""
    aggregates = [uuid.UUID(int=n) for n in range(1, 5)]
    batch = [Entry(each, 1, events_of("late", 1)) for each in aggregates]
    with store.connect() as rival, store.connect() as one, store.connect() as other:
        for aggregate in aggregates:
            append_event(other, [Entry(aggregate, 0, events_of("first", 1))])
        append_event(other, [Entry(aggregates[3], 1, events_of("quick", 1))])
        rival.execute("begin")
        append_event(rival, [Entry(aggregates[1], 1, events_of("rival", 1))])
        waiting = Background(lambda: call(one, append_batch, batch))
        wait_until_blocked(observer, one)
        rival.execute("commit")
        outcome = waiting.result()
    assert outcome.sqlstate == "PT409"
    assert outcome.conflicts == [
        {"aggregate_id": str(each), "expected": 1, "actual": 2}
        for each in (aggregates[1], aggregates[3])
    ]
