"""Runs, rebuilds, pauses, registrations and drops meet: none hangs, nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from support.checkers.bounded import first_violations
from support.clients.calls import Connection
from support.clients.projection_work import (
    Action,
    rebuild,
    run_slices,
    violations,
    work,
)
from support.clients.store import Store
from support.models.projection_models import ALL, Model, make_models
from support.seeds import scaled

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]

EVENTS = scaled(400, 8_000, least=200)
# Generous: an operator who waits for a lock lets appends wait behind, for a second.
LONGEST_APPEND = 10.0
TYPES = ("Opened", "Added", "Closed")
MODELS = [replace(each, types=TYPES) for each in ALL]


def change(model: Model) -> Action:
    """Make the action of an operator who pauses and resumes."""

    def run(connection: Connection, rng: random.Random) -> None:
        kind = rng.choice(["pause", "resume", "resume"])
        connection.execute(
            f"select evident.{kind}_projection(%s)".encode(), [model.name]
        )

    return run


def look(model: Model) -> Action:
    """Make the action of somebody who asks how a projection does."""

    def run(connection: Connection, rng: random.Random) -> None:
        connection.execute("select * from evident.projection_status")
        connection.execute("select * from evident.verify_projection(%s)", [model.name])

    return run


def renew(model: Model) -> Action:
    """Make the action of an operator who registers other event types each time."""

    def run(connection: Connection, rng: random.Random) -> None:
        types = (*TYPES, f"Unused {rng.random()}")
        replace(model, types=types).register(connection)

    return run


def make_anew(store: Store, model: Model) -> Action:
    """Make the action of an owner who drops the projection and makes it again."""

    def run(_: Connection, rng: random.Random) -> None:
        with store.db.connect() as owner, owner.transaction():
            owner.execute("select evident.drop_projection(%s)", [model.name])
            owner.execute(f"truncate races.{model.short}".encode())
            model.register(owner)

    return run


# What an operator may be told, when others were in the way for too long.
EXPECTED: dict[Callable[[Model], Action], set[str]] = {
    run_slices: set(),
    look: set(),
    rebuild: {"40001", "55P03"},
    change: {"55P03"},
    renew: {"55P03"},
}


def meet(
    store: Store, observer: Observer, rng: random.Random, events: int
) -> list[str]:
    """Let all of it happen at once; name what went wrong, and how."""
    todo = [(make, model) for make in EXPECTED for model in MODELS]
    actions = [make(model) for make, model in todo]
    actions += [make_anew(store, model) for model in MODELS[1:3]]
    done = work(store, observer, rng, actions, events=events, is_calm=True)
    print(done.summary())
    found = [
        f"{make.__name__} of {model.short}: {outcome}"
        for (make, model), outcomes in zip(todo, done.each, strict=False)
        for outcome in outcomes.keys() - {"ok"} - EXPECTED[make]
    ]
    found += [
        f"made anew: {outcome}"
        for outcomes in done.each[len(todo) :]
        for outcome in outcomes.keys() - {"ok", "55P03"}
    ]
    found += [
        f"append: {outcome}"
        for outcome in done.writers.outcomes.keys() - {"ok", "PT409", "40001", "40P01"}
    ]
    if done.writers.slowest > LONGEST_APPEND:
        found.append(f"an append took {done.writers.slowest:.1f} s")
    for model in MODELS:
        model.register(observer)
        observer.execute("select evident.resume_projection(%s)", [model.name])
    return found + violations(store, observer, MODELS)


def test_nobody_hangs_and_nothing_is_lost_when_all_meet(
    store: Store, observer: Observer, rng: random.Random
) -> None:
    make_models(observer, MODELS)
    assert meet(store, observer, rng, EVENTS) == []


@pytest.mark.twin_of(8)
def test_a_rebuild_that_lets_others_register_is_caught_in_a_deadlock(
    store: Store, observer: Observer, rng: random.Random, twin: Callable[[str], None]
) -> None:
    make_models(observer, MODELS)
    twin("unregistered_rebuild")
    found = first_violations(lambda: meet(store, observer, rng, 150))
    assert any("40P01" in each for each in found)
