"""Promise 8: a projection is what a replay of its events gives, whatever happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.clients.projection_work import run_slices, violations, work
from support.clients.store import Store
from support.models.projection_models import (
    ALL,
    ASYNC,
    ASYNC_ACROSS,
    SYNC_ACROSS,
    make_models,
)
from support.seeds import scaled

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]

EVENTS = scaled(600, 4_000, least=600)
# Thirty bad events or more, of which two in five reach the fold of each model: none of
# them in one run of 100,000.
BAD = max(0.01, 30 / EVENTS)
# A rival's version; keys across aggregates; two such appends in opposite orders.
REFUSALS = {"ok", "PT409", "40001", "40P01"}
PARKED = "select key from evident.projection_failure where projection = %s"
RETRY = "select evident.retry_failure(%s, %s)"


def test_every_projection_is_what_its_events_say(
    store: Store, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    make_models(observer, ALL)
    runners = [run_slices(each) for each in (ASYNC, ASYNC, ASYNC_ACROSS)]
    done = work(store, observer, rng, runners, events=EVENTS, with_kills=True)
    print(done.summary())
    assert violations(store, observer, ALL) == []
    assert done.writers.losses > 0
    assert done.others["lost"] > 0
    assert done.writers.outcomes["40001"] > 0
    assert set(done.writers.outcomes) <= REFUSALS
    assert set(done.others) <= {"ok", "lost"}
    figures.add(events=done.events, kills=done.kills)


def test_a_bad_event_parks_its_keys_and_no_others(
    store: Store, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    models = (ASYNC, ASYNC_ACROSS)
    make_models(observer, models)
    runners = [run_slices(each) for each in (*models, *models)]
    done = work(store, observer, rng, runners, events=EVENTS, aggregates=40, bad=BAD)
    print(done.summary())
    assert violations(store, observer, models, is_repaired=False) == []
    for model in models:
        parked = observer.execute(PARKED, [model.name]).fetchall()
        assert parked
        model.repair(observer)
        for (key,) in parked:
            observer.execute(RETRY, [model.name, key])
    assert violations(store, observer, models) == []
    figures.add(events=done.events)


@pytest.mark.twin_of(8)
@pytest.mark.parametrize(
    "name", ["own_checkpoint", "hasty_run", "unlocked_run", "forgetful_parking"]
)
def test_a_broken_runner_is_caught(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    name: str,
) -> None:
    make_models(observer, [ASYNC_ACROSS])
    twin(name)
    is_repaired = name != "forgetful_parking"

    def check() -> list[str]:
        work(
            store,
            observer,
            rng,
            [run_slices(ASYNC_ACROSS)] * 2,
            events=300,
            bad=0 if is_repaired else 0.02,
            with_kills=name == "own_checkpoint",
        )
        return violations(store, observer, [ASYNC_ACROSS], is_repaired)

    assert first_violations(check)


@pytest.mark.twin_of(8)
@pytest.mark.parametrize("name", ["unlocked_keys", "late_first"])
def test_broken_appends_across_aggregates_are_caught(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    name: str,
) -> None:
    make_models(observer, [SYNC_ACROSS])
    twin(name)

    def check() -> list[str]:
        work(store, observer, rng, [], events=300)
        return violations(store, observer, [SYNC_ACROSS])

    assert first_violations(check)
