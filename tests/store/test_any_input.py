"""Promise 15: any input ends in success or in a documented error."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, seed, settings

from support.checkers.projections import drift
from support.checkers.streams import stream_violations
from support.clients.store import Store
from support.clients.ugly_calls import ARGUMENTS, input_violations, listed_calls
from support.models.read_models import make_read_models
from support.seeds import SEED, random_source, scaled

pytestmark = pytest.mark.promise(15)

Observer = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def read_models(observer: Observer) -> None:
    make_read_models(observer)


def test_each_ugly_value_in_each_place_is_stored_or_refused(
    store: Store, observer: Observer
) -> None:
    violations = []
    with store.connect() as connection:
        for function, arguments in listed_calls():
            violations += input_violations(connection, function, arguments)
    assert violations == []
    assert stream_violations(store.log()) == []
    assert drift(observer) == []


@pytest.mark.drawn
@pytest.mark.parametrize("function", ARGUMENTS)
def test_any_combination_is_answered_or_refused(
    store: Store, observer: Observer, function: str
) -> None:
    random_source(function)
    with store.connect() as connection:

        @seed(SEED)
        @settings(
            max_examples=scaled(40, 150),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(arguments=ARGUMENTS[function])
        def check(arguments: tuple[Any, ...]) -> None:
            assert input_violations(connection, function, arguments) == []

        check()
    assert stream_violations(store.log()) == []
    assert drift(observer) == []
