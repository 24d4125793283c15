"""Promises 8 and 28: read models of drawn keys, settings and work equal a fold here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from support.clients.drawn_work import Plan, plans, violations
from support.clients.store import Store
from support.models.drawn_models import make_schema
from support.models.drawn_values import ALLOWED
from support.seeds import SEED, random_source, scaled

Observer = psycopg.Connection[Any]


def check_plans(
    store: Store,
    observer: Observer,
    examples: int,
    kinds: tuple[str, ...] = ("aggregate", *ALLOWED),
    modes: tuple[str, ...] = ("sync", "async"),
    least: int = 2,
) -> None:
    """Run drawn plans until one is violated: no two runs of it are the same."""
    make_schema(observer, [each for each in kinds if each != "aggregate"])
    found: list[str] = []

    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(plan=plans(kinds, modes, least))
    def check(plan: Plan) -> None:
        if not found:
            found.extend(violations(store, observer, plan))
        assert found == []

    check()


@pytest.mark.drawn
@pytest.mark.promise(8, 28)
def test_a_read_model_equals_a_fold_in_python_whatever_is_drawn(
    store: Store, observer: Observer
) -> None:
    random_source("drawn read models")
    check_plans(store, observer, scaled(6, 150))


@pytest.mark.twin_of(8, 28)
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("keys_by_text", ("numeric",)),
        ("settings_of_the_session", ("aggregate",)),
    ],
)
def test_a_broken_variant_is_caught_by_some_plan(
    store: Store,
    observer: Observer,
    twin: Callable[[str], None],
    name: str,
    kinds: tuple[str, ...],
) -> None:
    random_source("drawn read models")
    twin(name)
    with pytest.raises(AssertionError, match=r"drawn|append: |acknowledged"):
        # With many settings a plan in a few catches either of them.
        check_plans(store, observer, 200, kinds, ("sync",), least=12)
