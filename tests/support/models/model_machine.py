"""A Hypothesis state machine: requests to the store and to the model at once."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import hypothesis.strategies as st
import psycopg
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support.clients.calls import (
    Entry,
    Event,
    append_batch,
    append_event,
    append_events,
    call,
    function_for,
)
from support.models.model import Model

PAGE = 7
_examples = itertools.count(1)

# How the expected version relates to the aggregate's; resolved when it is used.
# Mostly right, since one wrong entry refuses the whole batch.
MODES: list[str | int | None] = ["actual", None, "actual", -1, "ahead", "behind", 0]
contents = st.tuples(
    st.sampled_from(["Opened", "Changed", 'Clos"ed\\']),
    st.sampled_from([{}, {"a": 1}, {"a": [1, {"b": None}]}, {"a": "1"}]),
)
# An event_id: none, a new one, or one that was used before (by its number).
identities = st.one_of(
    st.none(), st.just("new"), st.none(), st.just("new"), st.integers(0, 30)
)
events = st.tuples(contents, identities)
aggregates = st.integers(0, 3)
modes = st.one_of(st.just("actual"), st.sampled_from(MODES))
entries = st.tuples(aggregates, modes, st.lists(events, max_size=3))


class Requests(RuleBasedStateMachine):
    """Single-session requests, on each of which store and model must agree."""

    connection: psycopg.Connection[Any]

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__()
        self.connection = connection
        self.example = next(_examples)
        self.model = Model()
        self.used: list[uuid.UUID] = []
        self.requests: list[tuple[Entry, ...]] = []
        self.start = self.value("select coalesce(max(id), 0) from evident.event_store")

    def value(self, query: str, *parameters: Any) -> Any:
        row = self.connection.execute(query, parameters).fetchone()
        assert row is not None
        return row[0]

    def aggregate(self, number: int) -> uuid.UUID:
        return uuid.UUID(int=(self.example << 64) + number)

    def entry(self, drawn: tuple[int, str | int | None, list[Any]]) -> Entry:
        number, mode, given = drawn
        actual = len(self.model.streams[self.aggregate(number)])
        moved = {"actual": actual, "ahead": actual + 1, "behind": max(actual - 1, 0)}
        expected = moved[mode] if isinstance(mode, str) else mode
        return Entry(self.aggregate(number), expected, tuple(map(self.event, given)))

    def event(
        self, drawn: tuple[tuple[str, dict[str, Any]], str | int | None]
    ) -> Event:
        (event_type, payload), identity = drawn
        event_id = None
        if isinstance(identity, int) and self.used:
            event_id = self.used[identity % len(self.used)]
        elif identity is not None:
            event_id = uuid.uuid5(
                uuid.NAMESPACE_OID, f"{self.example}/{len(self.used)}"
            )
            self.used.append(event_id)
        return Event(event_type, payload, event_id)

    def request(self, function: Any, *request: Entry) -> None:
        self.requests.append(request)
        expected = self.model.append(request)
        actual = call(self.connection, function, request)
        assert actual.versions == expected.versions
        assert actual.sqlstate == expected.sqlstate
        if expected.conflicts:
            assert actual.conflicts == expected.conflicts
        if actual.sqlstate == "PT422":
            self.check_reused(request, actual.detail)

    def check_reused(self, request: tuple[Entry, ...], detail: Any) -> None:
        reused = uuid.UUID(detail["event_id"])
        assert reused in {e.event_id for entry in request for e in entry.events}
        place = (uuid.UUID(detail["aggregate_id"]), detail["version"])
        assert self.model.stored[reused] == place

    @rule(aggregate=aggregates, mode=modes, event=events)
    def one_event(self, aggregate: int, mode: Any, event: Any) -> None:
        self.request(append_event, self.entry((aggregate, mode, [event])))

    @rule(
        aggregate=aggregates,
        mode=modes,
        given=st.lists(events, min_size=1, max_size=4),
    )
    def many_events(self, aggregate: int, mode: Any, given: list[Any]) -> None:
        self.request(append_events, self.entry((aggregate, mode, given)))

    @rule(
        given=st.lists(
            entries, min_size=1, max_size=4, unique_by=lambda entry: entry[0]
        )
    )
    def batch(self, given: list[Any]) -> None:
        # An entry with neither events nor a version is refused; see any_input.
        made = [self.entry(each) for each in given]
        kept = [e for e in made if e.events or e.expected is not None]
        self.request(append_batch, *kept)

    @precondition(lambda self: self.requests)
    @rule(number=st.integers(0, 40), as_batch=st.booleans())
    def the_same_again(self, number: int, as_batch: bool) -> None:
        request = self.requests[number % len(self.requests)]
        function = append_batch if as_batch else function_for(request)
        self.request(function, *request)

    @precondition(lambda self: self.requests)
    @rule(number=st.integers(0, 40), mode=modes, content=contents, move=st.booleans())
    def altered(self, number: int, mode: Any, content: Any, move: bool) -> None:
        request = self.requests[number % len(self.requests)]
        if not request or not request[0].events:
            return
        first, *others = request
        event_type, payload = content
        changed = Event(event_type, payload, first.events[-1].event_id)
        number = (first.aggregate.int + move) % 4
        base = self.entry((number, mode, []))
        entry = Entry(base.aggregate, base.expected, (*first.events[:-1], changed))
        rest = [other for other in others if other.aggregate != entry.aggregate]
        self.request(append_batch, entry, *rest)

    @invariant()
    def the_log_is_the_models(self) -> None:
        rows = self.connection.execute(
            "select aggregate_id, version, event_type, payload, event_id"
            " from evident.event_store where id > %s order by aggregate_id, version",
            [self.start],
        ).fetchall()
        expected = [
            (aggregate, version, event.type, event.payload)
            for aggregate, stream in sorted(self.model.streams.items())
            for version, event in enumerate(stream, start=1)
        ]
        assert [row[:4] for row in rows] == expected
        ids = {row[:2]: row[4] for row in rows}
        assert all(ids[place] == i for i, place in self.model.stored.items())

    @rule(number=aggregates, first=st.integers(0, 5), last=st.integers(0, 5))
    def a_stream_is_read_by_version(self, number: int, first: int, last: int) -> None:
        aggregate = self.aggregate(number)
        stream = self.model.streams[aggregate]
        assert len(stream) == self.value(
            "select evident.aggregate_version(%s)", aggregate
        )
        rows = self.connection.execute(
            "select version, event_type, payload"
            " from evident.read_aggregate(%s, %s, %s)",
            [aggregate, first, last],
        ).fetchall()
        numbered = [(v, e.type, e.payload) for v, e in enumerate(stream, start=1)]
        assert rows == [row for row in numbered if first <= row[0] <= last]

    @invariant()
    def the_feed_is_the_log_by_id(self) -> None:
        query = "select id from evident.event_store where id > %s order by id"
        log = self.connection.execute(query, [self.start]).fetchall()
        feed, position = [], self.start
        while page := self.connection.execute(
            "select id from evident.read_feed(%s, %s)", [position, PAGE]
        ).fetchall():
            feed += page
            position = page[-1][0]
        assert feed == log
