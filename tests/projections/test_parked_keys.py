"""A parked key of a synchronous projection refuses its own appends, and no others."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.projections import drift
from support.clients.calls import Entry, Event, append_batch, append_event
from support.clients.projection_steps import (
    LEVELS,
    ONE,
    PAUSE,
    RESUME,
    TWO,
    added,
    append,
    sqlstate,
    state,
)
from support.clients.projection_work import REBUILD, RUN, violations
from support.clients.store import Store
from support.clients.waiting import Background, together, wait_until_blocked
from support.models.projection_models import SYNC, SYNC_ACROSS, Model, make_models
from support.seeds import scaled

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]

BAD = (Event("Added", {"keys": ["k"], "bad": 1}),)
HEAD = "select max(id) from evident.event_store"
PARKED = "select key, position from evident.projection_failure where projection = %s"
RETRY = "select evident.retry_failure(%s, %s)"
SKIP = "select evident.skip_failure(%s, %s, 'carol', 'a test')"
ENABLED = """
select tgenabled::text from pg_trigger where tgname ~ '^event_store_hold_event'
"""

by_model = pytest.mark.parametrize(
    "model", [SYNC, SYNC_ACROSS], ids=lambda each: each.short
)
by_level = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)


def key_of(model: Model) -> str:
    return "k" if model.is_across else str(ONE)


def run_until_live(observer: Observer, model: Model) -> None:
    for _ in range(20):
        observer.execute(RUN, [model.name, 1000])
        if state(observer, model) == "running":
            return
    raise AssertionError(f"{model.name} is {state(observer, model)}")


def park(observer: Observer, model: Model) -> int:
    """Park aggregate ONE, key k, behind an event with others after it; give its id."""
    append(observer, ONE, "k")
    observer.execute(PAUSE, [model.name])
    append_event(observer, [Entry(ONE, None, BAD)])
    (position,) = observer.execute(HEAD).fetchone() or (0,)
    append(observer, ONE, "k", count=2)
    append(observer, TWO, "other")
    observer.execute(RESUME, [model.name])
    run_until_live(observer, model)
    return int(position)


@by_model
@pytest.mark.parametrize("count", [1, 2])
def test_a_parked_key_refuses_its_appends_and_no_others(
    store: Store, observer: Observer, model: Model, count: int
) -> None:
    make_models(observer, [model])
    position = park(observer, model)
    append(observer, TWO, "other", count=count)
    assert violations(store, observer, [model], is_repaired=False) == []
    with pytest.raises(psycopg.Error) as caught:
        append(observer, ONE, "other", "k", count=count)
    assert caught.value.sqlstate == "PT423"
    assert json.loads(caught.value.diag.message_detail or "") == {
        "projection": model.name,
        "key": key_of(model),
        "position": position,
    }
    assert "retry_failure" in (caught.value.diag.message_hint or "")
    batch = [Entry(TWO, None, added("other")), Entry(ONE, None, added("k"))]
    with pytest.raises(psycopg.Error, match="parked behind"):
        append_batch(observer, batch)
    assert violations(store, observer, [model], is_repaired=False) == []


@by_model
@pytest.mark.parametrize("way", ["retry", "skip"])
@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_who_frees_a_key_keeps_its_appends_out_until_the_commit(
    store: Store, observer: Observer, model: Model, way: str, ending: str
) -> None:
    make_models(observer, [model])
    park(observer, model)
    if way != "skip":
        model.repair(observer)
    call, arguments = {
        "retry": (RETRY, [model.name, key_of(model)]),
        "skip": (SKIP, [model.name, key_of(model)]),
    }[way]
    with store.connect() as operator, store.connect() as other:
        operator.execute("begin")
        operator.execute(call, arguments)
        append(other, TWO, "other")
        with pytest.raises(psycopg.Error, match="parked behind"):
            append(other, ONE, "k")
        operator.execute(ending)
        if ending == "rollback":
            with pytest.raises(psycopg.Error, match="parked behind"):
                append(other, ONE, "k")
            operator.execute(call, arguments)
        append(other, ONE, "k")
        append(other, ONE, "k", count=2)
    assert drift(observer, model.name) == []
    assert observer.execute(ENABLED).fetchall() == [("O",)]
    observer.execute(RUN, [model.name, 10])
    assert observer.execute(ENABLED).fetchall() == [("D",)]
    append(observer, ONE, "k")
    assert drift(observer, model.name) == []
    if way != "skip":
        assert violations(store, observer, [model]) == []


@pytest.mark.promise(9)
@by_model
@pytest.mark.parametrize("slices", [1, 4])
def test_a_rebuild_frees_parked_keys_while_appends_keep_the_others(
    store: Store, observer: Observer, model: Model, slices: int
) -> None:
    make_models(observer, [model])
    park(observer, model)
    with pytest.raises(psycopg.Error, match="bad event"):
        for each in range(slices):
            observer.execute(REBUILD, [model.name, each, slices])
    with pytest.raises(psycopg.Error, match="parked behind"):
        append(observer, ONE, "k")
    model.repair(observer)
    for each in range(slices):
        observer.execute(REBUILD, [model.name, each, slices])
    assert state(observer, model) == "running"
    append(observer, ONE, "k")
    assert violations(store, observer, [model]) == []


@by_model
def test_the_end_of_the_look_waits_for_an_append_only_a_moment(
    store: Store, observer: Observer, model: Model
) -> None:
    make_models(observer, [model])
    park(observer, model)
    model.repair(observer)
    observer.execute(RETRY, [model.name, key_of(model)])
    with (
        store.connect() as open_,
        store.connect() as running,
        store.connect() as other,
    ):
        open_.execute("begin")
        append(open_, TWO, "other")
        task = Background(lambda: running.execute(RUN, [model.name, 10]).fetchone())
        wait_until_blocked(observer, running)
        after = Background(lambda: append(other, ONE, "k"))
        assert task.result() == (0,)
        after.result()
        open_.execute("commit")
    assert observer.execute(ENABLED).fetchall() == [("O",)]
    observer.execute(RUN, [model.name, 10])
    assert observer.execute(ENABLED).fetchall() == [("D",)]
    assert violations(store, observer, [model]) == []


def append_to_a_key_parked_since(
    store: Store, observer: Observer, level: IsolationLevel
) -> tuple[str | None, list[str]]:
    """Park a key between the snapshot of a transaction and its append to that key."""
    append(observer, ONE)
    observer.execute(PAUSE, [SYNC.name])
    append_event(observer, [Entry(ONE, None, BAD)])
    with store.connect(level) as old:
        old.autocommit = False
        old.execute("select count(*) from evident.event_store")
        observer.execute(RESUME, [SYNC.name])
        run_until_live(observer, SYNC)
        try:
            append_event(old, [Entry(ONE, 2, added())])
            old.commit()
            refused = None
        except psycopg.Error as error:
            refused = error.sqlstate
            old.rollback()
    return refused, drift(observer, SYNC.name)


@by_level
def test_an_old_snapshot_does_not_hide_that_a_key_is_parked(
    store: Store, observer: Observer, level: IsolationLevel
) -> None:
    make_models(observer, [SYNC])
    assert append_to_a_key_parked_since(store, observer, level) == ("40001", [])


@pytest.mark.twin_of(8)
@by_level
def test_appends_that_believe_an_old_snapshot_are_caught(
    store: Store,
    observer: Observer,
    twin: Callable[[str], None],
    level: IsolationLevel,
) -> None:
    make_models(observer, [SYNC])
    twin("believed_parking")
    refused, found = append_to_a_key_parked_since(store, observer, level)
    assert (refused, len(found)) == (None, 1)


@by_level
def test_an_old_snapshot_does_not_hide_that_a_key_was_freed(
    store: Store, observer: Observer, level: IsolationLevel
) -> None:
    """The trigger is off by then, and the row came after the snapshot."""
    make_models(observer, [SYNC])
    observer.execute(PAUSE, [SYNC.name])
    append_event(observer, [Entry(ONE, None, BAD)])
    append(observer, ONE)
    observer.execute(RESUME, [SYNC.name])
    run_until_live(observer, SYNC)
    with store.connect(level) as old:
        old.autocommit = False
        old.execute("select count(*) from evident.event_store")
        observer.execute(SKIP, [SYNC.name, key_of(SYNC)])
        observer.execute(RUN, [SYNC.name, 10])
        assert observer.execute(ENABLED).fetchall() == [("D",)]
        with pytest.raises(psycopg.errors.SerializationFailure):
            append(old, ONE)
        old.rollback()
    assert drift(observer, SYNC.name) == []


def live_through_it(
    store: Store, observer: Observer, rng: random.Random, model: Model, rounds: int
) -> Counter[str]:
    """Park and free keys beside appends; count what they came to."""
    outcomes: Counter[str] = Counter()
    aggregates = [uuid.UUID(int=rng.getrandbits(128)) for _ in range(5)]
    over = threading.Event()
    seeds = [rng.random() for _ in range(3)]

    def write(seed: float) -> Counter[str]:
        own, done = random.Random(seed), Counter[str]()
        with store.connect() as connection:
            while not over.is_set():
                keys = own.sample(["k", "l", "m", "n"], own.randint(1, 2))
                task = Background(
                    lambda keys=keys: append(
                        connection,
                        own.choice(aggregates),
                        *keys,
                        count=own.choice([1, 3]),
                    )
                )
                done[sqlstate(task) or "ok"] += 1
        return done

    def operate() -> None:
        for _ in range(rounds):
            observer.execute(PAUSE, [model.name])
            key = rng.choice(["k", "l", "m", "n"])
            bad = (Event("Added", {"keys": [key], "bad": 1}),)
            append_event(observer, [Entry(rng.choice(aggregates), None, bad)])
            observer.execute(RESUME, [model.name])
            while state(observer, model) != "running":
                observer.execute(RUN, [model.name, 1000])
            for parked, _ in observer.execute(PARKED, [model.name]).fetchall():
                if rng.random() < 0.7:
                    observer.execute(SKIP, [model.name, parked])
            observer.execute(RUN, [model.name, 10])

    writing = [Background(lambda seed=seed: write(seed)) for seed in seeds]
    try:
        operate()
    finally:
        over.set()
    for each in writing:
        outcomes += each.result()
    return outcomes


@by_model
def test_keys_that_are_parked_and_freed_beside_appends_lose_nothing(
    store: Store,
    observer: Observer,
    rng: random.Random,
    figures: Figures,
    model: Model,
) -> None:
    make_models(observer, [model])
    outcomes = live_through_it(store, observer, rng, model, scaled(5, 60, least=3))
    print(outcomes)
    assert outcomes["ok"] and outcomes["PT423"]
    assert set(outcomes) <= {"ok", "PT423", "40001", "40P01"}
    assert drift(observer, model.name) == []
    for key, _ in observer.execute(PARKED, [model.name]).fetchall():
        observer.execute(SKIP, [model.name, key])
        for again, _ in observer.execute(PARKED, [model.name]).fetchall():
            if again == key:
                observer.execute(SKIP, [model.name, key])
    assert drift(observer, model.name) == []
    figures.add(events=sum(outcomes.values()))


@pytest.mark.twin_of(8)
def test_a_projection_that_refuses_no_parked_key_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    make_models(observer, [SYNC])
    twin("unwatched_parking")
    park(observer, SYNC)
    append(observer, ONE)
    assert len(drift(observer, SYNC.name)) == 1


STOCK = """
create schema rule authorization evident_projector;
grant usage on schema rule to evident_operator;
create table rule.stock (id uuid primary key, left_over integer);
alter table rule.stock owner to evident_projector;
"""
RULE = """
create function rule.{name}(p_row rule.stock, p_event evident.event_store)
returns rule.stock language plpgsql immutable as $fold$
begin
    p_row.left_over := coalesce(p_row.left_over, 0)
        + (p_event.payload ->> 'n')::integer;
    if p_row.left_over < 0 then
        raise exception 'nothing is left' using errcode = 'PT418';
    end if;
    return p_row;
end
$fold$;
alter function rule.{name} owner to evident_projector;
"""
REGISTER = """
select evident.create_projection(
    'rule.stock', 'rule.{name}(rule.stock, evident.event_store)', null,
    p_is_invariant => true
)
"""


@pytest.fixture
def _stock(observer: Observer) -> None:
    """Register a rule of a stock, and make another that says the same."""
    observer.execute(STOCK.encode())
    for name in ("one", "two"):
        observer.execute(RULE.format(name=name).encode())
    observer.execute(REGISTER.format(name="one").encode())


def broken_rules(store: Store, observer: Observer) -> list[str]:
    """Fill a stock; take more than it has while its rule is registered anew."""
    append_event(observer, [Entry(ONE, None, (Event("Took", {"n": 50}),))])
    taking = 2

    def take() -> Counter[str]:
        nonlocal taking
        done = Counter[str]()
        with store.connect() as connection:
            for _ in range(60):
                entry = Entry(ONE, None, (Event("Took", {"n": -1}),))
                task = Background(lambda entry=entry: append_event(connection, [entry]))
                done[sqlstate(task) or "ok"] += 1
        taking -= 1
        return done

    def register() -> Counter[str]:
        done, turn = Counter[str](), 0
        with store.connect() as connection:
            while taking:
                turn += 1
                name = ("one", "two")[turn % 2]
                try:
                    connection.execute(REGISTER.format(name=name).encode())
                    connection.execute(REBUILD, ["rule.stock", 0, 1])
                except psycopg.Error as error:
                    done[str(error.sqlstate)] += 1
        return done

    outcomes = sum(together([take, take, register]), Counter[str]())
    print(outcomes)
    assert set(outcomes) <= {"ok", "PT418", "PT409", "40001", "40P01", "55P03"}
    left = observer.execute(
        "select sum((payload ->> 'n')::integer) from evident.event_store"
        " where event_type = 'Took'"
    ).fetchone()
    return [f"{left[0]} left"] if left and left[0] < 0 else []


@pytest.mark.usefixtures("_stock")
def test_a_rule_holds_while_it_is_registered_anew_and_rebuilt(
    store: Store, observer: Observer
) -> None:
    assert broken_rules(store, observer) == []
    assert drift(observer, "rule.stock") == []


@pytest.mark.twin_of(8)
@pytest.mark.usefixtures("_stock")
def test_a_rule_that_rests_while_it_is_registered_anew_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("idle_rule")
    assert first_violations(lambda: broken_rules(store, observer))
