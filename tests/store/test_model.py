"""One session against a model in Python: same answers, same refusals, same rows."""

from __future__ import annotations

import functools
import uuid
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from conftest import Database
from support.clients.calls import (
    Entry,
    Event,
    append_batch,
    append_event,
    append_events,
    call,
)
from support.models.model_machine import Requests
from support.seeds import SEED, random_source, scaled
from support.twins import install

pytestmark = pytest.mark.promise(2)


def run_model(
    connection: psycopg.Connection[Any], examples: int, phases: list[Phase]
) -> None:
    random_source("the model")
    run_state_machine_as_test(
        seed(SEED)(functools.partial(Requests, connection)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            phases=phases,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_answer_is_the_models_answer(db: Database) -> None:
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    run_model(db.connect(autocommit=True), scaled(40, 120), phases)


@pytest.mark.parametrize("twin", ["lenient_replay", "one_conflict", "reversed_feed"])
def test_a_broken_store_differs_from_the_model(db: Database, twin: str) -> None:
    connection = db.connect(autocommit=True)
    install(connection, twin)
    with pytest.raises(AssertionError):
        run_model(connection, 200, [Phase.generate])


def test_a_batch_without_entries_does_nothing(db: Database) -> None:
    connection = db.connect(autocommit=True)
    assert call(connection, append_batch, []).versions == ()


@pytest.mark.parametrize("expected", [-2, -(2**31)])
def test_an_impossible_expected_version_is_refused(db: Database, expected: int) -> None:
    connection = db.connect(autocommit=True)
    entry = Entry(uuid.uuid4(), expected, (Event("Opened", {}),))
    for function in (append_event, append_events, append_batch):
        assert call(connection, function, [entry]).sqlstate == "PT400"
