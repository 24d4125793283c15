"""Promise 9: a rebuild loses nothing and stops nobody while appends go on."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.projections import drift
from support.clients.calls import Connection
from support.clients.projection_work import (
    REBUILD,
    Action,
    rebuild,
    run_slices,
    violations,
    work,
)
from support.clients.store import Store
from support.models.projection_models import (
    ASYNC,
    ASYNC_ACROSS,
    SYNC,
    SYNC_ACROSS,
    Model,
    make_models,
)
from support.seeds import scaled

pytestmark = pytest.mark.promise(9)

Observer = psycopg.Connection[Any]

EVENTS = scaled(1_200, 25_000, least=400)
BY_HAND = [
    "update races.{0} set n = -1 where key = (select key from races.{0} limit 1)",
    "delete from races.{0} where key = (select key from races.{0} limit 1)",
    "insert into races.{0} select {1}, 0, 0, 'stray'",
]
# Generous: a machine may be slow, but a rebuild that keeps its lock shows.
LONGEST_APPEND = 5.0
MODELS = [SYNC, SYNC_ACROSS, ASYNC, ASYNC_ACROSS]
by_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.short)


def rebuild_and_verify(model: Model, found: list[str]) -> Action:
    """Make the action of a rebuild and a drift check, which a later one would hide."""
    run = rebuild(model)

    def both(connection: Connection, rng: random.Random) -> None:
        run(connection, rng)
        found.extend(drift(connection, model.name))

    return both


def change_by_hand(observer: Observer, model: Model) -> Action:
    """Make the action of a superuser who changes, removes and adds rows."""
    key = "md5(random()::text)" if model.is_across else "gen_random_uuid()"

    def run(_: Connection, rng: random.Random) -> None:
        observer.execute(rng.choice(BY_HAND).format(model.short, key).encode())

    return run


def pause_and_resume(model: Model) -> Action:
    """Make the action of an operator, after whom a runner has to catch up."""

    def run(connection: Connection, rng: random.Random) -> None:
        connection.execute("select evident.pause_projection(%s)", [model.name])
        connection.execute("select pg_sleep(%s)", [rng.random() * 0.02])
        connection.execute("select evident.resume_projection(%s)", [model.name])
        connection.execute("select pg_sleep(%s)", [rng.random() * 0.1])

    return run


def refusals(model: Model) -> set[str]:
    """Name what appends may be refused with, rebuild or not."""
    return {"ok", "PT409"} | ({"40001", "40P01"} if model is SYNC_ACROSS else set())


@by_model
def test_a_rebuild_beside_appends_repairs_what_was_changed_by_hand(
    store: Store, observer: Observer, rng: random.Random, model: Model, figures: Figures
) -> None:
    make_models(observer, [model])
    actions = [rebuild(model)] * 2
    actions += [change_by_hand(observer, model), run_slices(model)]
    done = work(
        store, observer, rng, actions, events=EVENTS, aggregates=20, is_calm=True
    )
    print(done.summary())
    observer.execute(REBUILD, [model.name, 0, 1])
    assert violations(store, observer, [model]) == []
    assert set(done.writers.outcomes) <= refusals(model)
    assert set(done.others) == {"ok"}
    assert done.writers.slowest < LONGEST_APPEND
    figures.add(events=done.events, rebuilds=sum(c["ok"] for c in done.each[:2]))
    figures.worst(slowest_append_seconds=done.writers.slowest)


@by_model
def test_a_rebuild_beside_appends_and_a_runner_that_catches_up_loses_nothing(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    model: Model,
) -> None:
    make_models(observer, [model])
    twin("slow_rebuild")
    found: list[str] = []
    actions = [rebuild_and_verify(model, found)] * 2
    actions += [run_slices(model)] * 2 + [pause_and_resume(model)]
    done = work(
        store, observer, rng, actions, events=EVENTS, aggregates=20, is_calm=True
    )
    print(done.summary())
    observer.execute("select evident.resume_projection(%s)", [model.name])
    assert found + violations(store, observer, [model]) == []
    assert set(done.writers.outcomes) <= refusals(model)
    # The projection was changed during a rebuild.
    assert set().union(*done.each[:-1]) <= {"ok", "40001"}
    # A pause waits for a runner and a rebuild, but not for long.
    assert set(done.each[-1]) <= {"ok", "55P03"}
    assert done.writers.slowest < LONGEST_APPEND


@pytest.mark.twin_of(9)
@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("unlocked_rebuild", SYNC),
        ("unlocked_rebuild", SYNC_ACROSS),
        ("unguarded_rebuild", ASYNC_ACROSS),
    ],
    ids=lambda each: each if isinstance(each, str) else each.short,
)
def test_a_broken_rebuild_is_caught(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    name: str,
    model: Model,
) -> None:
    make_models(observer, [model])
    twin("slow_rebuild")
    twin(name)

    def check() -> list[str]:
        found: list[str] = []
        actions = [rebuild_and_verify(model, found), run_slices(model)]
        work(store, observer, rng, actions, events=400, is_calm=True)
        return found + violations(store, observer, [model])

    assert first_violations(check)
