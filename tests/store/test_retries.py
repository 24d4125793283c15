"""Promise 5: a retry with the same event_ids does not duplicate."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from conftest import Database
from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.history import history_violations
from support.checkers.refusals import refusals_of
from support.clients.calls import Entry, append_batch, call, events_of, function_for
from support.clients.retry_work import run_retries
from support.clients.store import Store
from support.clients.waiting import Background, wait_until_blocked
from support.seeds import scaled

pytestmark = pytest.mark.promise(5)

Observer = psycopg.Connection[Any]

NOTHING: frozenset[str] = frozenset()


def socket_of(db: Database) -> str:
    return str(db.server.sockets / f".s.PGSQL.{db.server.port}")


@pytest.mark.parametrize("is_exact", [True, False], ids=["exact", "any version"])
def test_a_lost_reply_never_makes_a_second_event(
    store: Store, db: Database, rng: random.Random, is_exact: bool, figures: Figures
) -> None:
    clients, requests = 6, scaled(40, 300, least=40)
    done = run_retries(
        store, socket_of(db), rng, clients=clients, requests=requests, is_exact=is_exact
    )
    print(f"{done.cuts} lines cut, {done.resets} by a reset, {done.delays} delays")
    log = store.log()
    assert history_violations(done.operations, log, NOTHING) == []
    assert refusals_of(done.operations) == {"ok": clients * requests}
    assert done.cuts > 100
    assert done.resets > 20
    assert done.delays > 20
    figures.add(
        retried_requests=clients * requests,
        lines_cut=done.cuts,
        tcp_resets=done.resets,
        delayed_requests=done.delays,
        duplicates=len(log) - sum(asked_for(each.entries) for each in done.operations),
    )


def requests() -> dict[str, list[Entry]]:
    """Make requests of each kind: for one aggregate or two, one event or more."""

    def entry(expected: int | None, count: int) -> Entry:
        events = events_of("again", count, with_ids=True)
        return Entry(uuid.uuid4(), expected, events)

    return {
        "one exact": [entry(0, 1)],
        "one any": [entry(None, 1)],
        "many exact": [entry(0, 3)],
        "many any": [entry(None, 3)],
        "batch exact": [entry(0, 2), entry(0, 1)],
        "batch mixed": [entry(None, 2), entry(0, 1)],
    }


def stored_for(store: Store, entries: Sequence[Entry]) -> int:
    """Count what is stored of a request."""
    aggregates = {entry.aggregate for entry in entries}
    found = [event for event in store.log() if event.aggregate in aggregates]
    return sum(event.operation == "again" for event in found)


def asked_for(entries: Sequence[Entry]) -> int:
    return sum(len(entry.events) for entry in entries)


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_two_identical_requests_in_flight_make_one_event(
    store: Store, observer: Observer, ending: str
) -> None:
    with store.connect() as one, store.connect() as other:
        for name, entries in requests().items():
            function = function_for(entries)
            one.execute("begin")
            first = function(one, entries)
            second = Background(lambda f=function, e=entries: f(other, e))
            wait_until_blocked(observer, other)
            one.execute(ending)
            assert second.result() == first, name
            assert stored_for(store, entries) == asked_for(entries), name


def test_a_repeated_request_has_its_first_answer_whatever_happened_since(
    store: Store,
) -> None:
    with store.connect() as connection:
        for name, entries in requests().items():
            function = function_for(entries)
            first = function(connection, entries)
            for entry in entries:
                later = [Entry(entry.aggregate, None, events_of("later", 2))]
                append_batch(connection, later)
            for expected in (None, -1, 0, 1, 7):
                again = [replace(entry, expected=expected) for entry in entries]
                assert function(connection, again) == first, (name, expected)
                assert append_batch(connection, again) == first, (name, expected)
            assert stored_for(store, entries) == asked_for(entries), name


def test_an_event_id_with_other_content_is_refused(store: Store) -> None:
    with store.connect() as connection:
        for name, entries in requests().items():
            function_for(entries)(connection, entries)
            ids = [str(event.event_id) for event in entries[0].events]
            stored = len(store.log())
            for altered in alterations(entries[0]):
                for sent in ([altered], [*entries[1:], altered]):
                    refused = call(connection, function_for(sent), sent)
                    assert refused.sqlstate == "PT422", name
                    assert refused.detail is not None
                    assert refused.detail["event_id"] in ids, name
            assert len(store.log()) == stored


def alterations(entry: Entry) -> Sequence[Entry]:
    """Make the request again with other content, in another aggregate, or longer."""
    *others, last = entry.events
    return [
        replace(entry, events=(*others, replace(last, payload={"op": "other"}))),
        replace(entry, events=(*others, replace(last, type="Renamed"))),
        replace(entry, aggregate=uuid.uuid4(), expected=0),
        replace(entry, events=(*entry.events, *events_of("new", 1, with_ids=True))),
        replace(entry, events=(*events_of("new", 1), *entry.events)),
    ]


@pytest.mark.twin_of(5)
def test_a_store_without_event_ids_is_caught_duplicating(
    store: Store, db: Database, rng: random.Random, twin: Callable[[str], None]
) -> None:
    twin("no_event_id")

    def check() -> list[str]:
        operations = run_retries(
            store, socket_of(db), rng, clients=2, requests=5, is_exact=False
        ).operations
        ours = {entry.aggregate for o in operations for entry in o.entries}
        log = [event for event in store.log() if event.aggregate in ours]
        return history_violations(operations, log, NOTHING)

    assert any("duplicate" in each for each in first_violations(check))
