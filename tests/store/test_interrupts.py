"""Promise 19: timeouts and cancels leave nothing half-done."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.clients.calls import (
    Entry,
    Function,
    append_batch,
    append_event,
    append_events,
    events_of,
)
from support.clients.interrupts import (
    Make,
    Tally,
    batch,
    canceller,
    check_whole,
    interrupt_waiting,
    many_events,
    one_event,
    sweep,
    time_out,
)
from support.clients.store import Store
from support.seeds import scaled

pytestmark = pytest.mark.promise(19)

Observer = psycopg.Connection[Any]
Call = tuple[Function, list[Entry]]

STEPS = scaled(40, 80)
CALLS = [one_event, many_events, batch]


def large_events(contended: uuid.UUID, expected: int | None) -> Call:
    """Make a call that takes many milliseconds."""
    return append_events, [Entry(contended, expected, events_of("late", 1000))]


def large_batch(contended: uuid.UUID, expected: int | None) -> Call:
    """Make a batch that goes in with one statement."""
    entries = [Entry(uuid.uuid4(), 0, events_of("late", 2)) for _ in range(200)]
    return append_batch, entries


def large_mixed_batch(contended: uuid.UUID, expected: int | None) -> Call:
    """Make a batch that goes in entry by entry, under locks."""
    function, entries = large_batch(contended, expected)
    return function, [replace(each, expected=None) for each in entries[:100]]


LARGE = [large_events, large_batch, large_mixed_batch]
by_call = pytest.mark.parametrize("make", LARGE, ids=lambda make: make.__name__)


@by_call
def test_a_statement_timeout_at_any_offset_leaves_all_or_nothing(
    store: Store, observer: Observer, make: Make, figures: Figures
) -> None:
    with store.connect() as connection:
        found, tally = sweep(connection, observer, make, time_out, STEPS)
    print(tally)
    assert found == []
    assert tally.interrupted > 0
    figures.add(timeouts=tally.interrupted)


@by_call
def test_a_cancel_at_any_offset_leaves_all_or_nothing(
    store: Store, observer: Observer, make: Make, figures: Figures
) -> None:
    with store.connect() as connection:
        found, tally = sweep(connection, observer, make, canceller(observer), STEPS)
    print(tally)
    assert found == []
    assert tally.interrupted > 0
    figures.add(cancels=tally.interrupted)


def test_a_cancel_of_a_short_call_leaves_all_or_nothing(
    store: Store, observer: Observer
) -> None:
    with store.connect() as connection:
        for make in CALLS:
            found, _ = sweep(connection, observer, make, canceller(observer), STEPS)
            assert found == []


@pytest.mark.parametrize("how", ["cancel", "lock_timeout", "statement_timeout"])
@pytest.mark.parametrize("expected", [1, None], ids=["unique key", "aggregate lock"])
def test_an_interrupted_wait_leaves_nothing(
    store: Store, observer: Observer, how: str, expected: int | None
) -> None:
    with store.connect() as rival, store.connect() as connection:
        for make in CALLS:
            contended = uuid.uuid4()
            function, entries = make(contended, expected)
            append_event(rival, [Entry(contended, 0, events_of("first", 1))])
            rival.execute("begin")
            append_event(rival, [Entry(contended, expected, events_of("rival", 1))])
            outcome = interrupt_waiting(connection, observer, function, entries, how)
            assert outcome.sqlstate == ("55P03" if how == "lock_timeout" else "57014")

            rival.execute("rollback")
            others = [each for each in entries if each.aggregate != contended]
            assert not list(check_whole(observer, connection, others, outcome, Tally()))
            assert function(connection, entries)[0] == 1 + len(entries[0].events)
