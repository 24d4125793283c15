"""Promise 9: what must be unique in a read model may go from row to row at once.

Seats of guests: no two have the same place, and an event moves several guests. After
each event places are unique, so no order of writes may refuse it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from support.checkers.projections import drift
from support.clients.projection_work import REBUILD, RUN
from support.clients.store import Store
from support.clients.waiting import Background

pytestmark = pytest.mark.promise(9)

Observer = psycopg.Connection[Any]

SCHEMA = """
create schema seats authorization evident_projector;
set role evident_projector;
create table seats.guests (key text primary key, place text not null, {constraint});
create function seats.moved(p_event evident.event_store) returns setof text
language sql immutable parallel safe
begin atomic select k from jsonb_object_keys(p_event.payload) as k; end;
create function seats.move(p_row seats.guests, p_event evident.event_store)
returns seats.guests language plpgsql immutable as $$
begin
    p_row.place := p_event.payload ->> p_row.key;
    return p_row;
end $$;
select evident.create_projection(
    'seats.guests', 'seats.move(seats.guests, evident.event_store)', null, '{mode}',
    'seats.moved(evident.event_store)'
);
reset role;
"""
CONSTRAINTS = {
    "unique": "unique (place)",
    "deferrable": "unique (place) deferrable initially immediate",
    "deferred": "unique (place) deferrable initially deferred",
    "exclusion": "exclude using btree (place with =)",
}
by_constraint = pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=str)
by_mode = pytest.mark.parametrize("mode", ["sync", "async"])
GUESTS = "abc"
# Each moves to the next place, and the last to the first.
ROTATED = dict(zip(GUESTS, "231", strict=True))
SEATED = dict(zip(GUESTS, "123", strict=True))
PLACES = "select array_agg(g.place order by g.key) from seats.guests as g"
APPEND = "select evident.append_events(%s, %s)"


def prepare(observer: Observer, constraint: str, mode: str) -> None:
    observer.execute(SCHEMA.format(constraint=constraint, mode=mode).encode())


def move(store: Store, *moves: dict[str, str]) -> None:
    """Append an event for each of the moves, with one call; run what has to be run."""
    events = [{"type": "Moved", "payload": each} for each in moves]
    with store.connect() as connection:
        connection.execute(APPEND, [uuid.uuid4(), json.dumps(events)])
        connection.execute(RUN, ["seats.guests", 1000])


def places(observer: Observer) -> list[str]:
    row = observer.execute(PLACES).fetchone()
    assert row is not None
    return list(row[0])


def problems(observer: Observer) -> list[Any]:
    failures = "select f.key, f.code, f.message from evident.projection_failure as f"
    return [*observer.execute(failures), *drift(observer, "seats.guests")]


@by_mode
@by_constraint
def test_places_that_rotate_over_three_rows_are_folded_by_one_event_and_by_many(
    store: Store, observer: Observer, mode: str, constraint: str
) -> None:
    prepare(observer, constraint, mode)
    move(store, SEATED)
    move(store, ROTATED)
    assert places(observer) == ["2", "3", "1"]
    move(store, SEATED, ROTATED)
    assert places(observer) == ["2", "3", "1"]
    # One after the other, by way of a free place.
    move(store, {"a": "4"}, {"c": "2"}, {"b": "1"}, {"a": "3"})
    assert places(observer) == ["3", "1", "2"]
    assert problems(observer) == []


@by_constraint
@by_mode
def test_a_rebuild_puts_places_right_that_changed_hands_and_readers_see_all_or_none(
    store: Store, observer: Observer, mode: str, constraint: str
) -> None:
    prepare(observer, constraint, mode)
    move(store, SEATED)
    right, wrong = places(observer), ["2", "3", "1"]
    for _ in range(3):
        with observer.transaction():
            observer.execute("update seats.guests set place = 'x' || place")
            for key, place in ROTATED.items():
                observer.execute(
                    "update seats.guests set place = %s where key = %s", [place, key]
                )
        assert len(problems(observer)) == 3
        with store.connect() as operator, store.db.connect(autocommit=True) as reader:
            seen = [places(reader)]
            task = Background(
                lambda c=operator: c.execute(REBUILD, ["seats.guests", 0, 1]).fetchone()
            )
            while not task.is_done():
                seen.append(places(reader))
            seen.append(places(reader))
            assert task.result() == (3,)
        assert seen[0] == wrong and seen[-1] == right
        assert all(each in (wrong, right) for each in seen)
        assert sorted(seen, key=right.__eq__) == seen
    assert problems(observer) == []


def test_a_place_that_is_really_taken_parks_the_guest_alone(
    store: Store, observer: Observer
) -> None:
    prepare(observer, CONSTRAINTS["unique"], "async")
    move(store, SEATED, {"a": "2"}, {"c": "4"})
    (failure,) = problems(observer)[:1]
    assert failure[:2] == ("a", "23505")
    assert places(observer) == ["1", "2", "4"]


@pytest.mark.twin_of(9)
def test_writes_in_any_order_are_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    prepare(observer, CONSTRAINTS["unique"], "async")
    twin("updating_writes")
    move(store, SEATED)
    move(store, ROTATED)
    assert problems(observer) != []
