"""Promise 2: one event per version of an aggregate, versions 1..n without gap."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.history import history_violations
from support.checkers.refusals import refusals_of
from support.checkers.streams import stream_violations
from support.clients.history_work import (
    any_append,
    exact_append,
    existing_append,
    run_clients,
)
from support.clients.operations import Operation
from support.clients.store import Store

pytestmark = pytest.mark.promise(2)


def crowd(store: Store, rng: random.Random) -> list[Operation]:
    kinds = [exact_append, any_append, existing_append]
    return run_clients(store, rng, kinds, clients=16, rounds=120, aggregates=3)


def hot(store: Store, rng: random.Random) -> list[Operation]:
    return run_clients(store, rng, [any_append], clients=16, rounds=120, aggregates=1)


def test_two_writers_never_share_a_version(
    store: Store, rng: random.Random, figures: Figures
) -> None:
    operations = crowd(store, rng)
    log = store.log()
    assert stream_violations(log) == []
    assert history_violations(operations, log, frozenset({"PT404", "PT409"})) == []
    outcomes = refusals_of(operations)
    assert outcomes["ok"] > 100
    assert outcomes["PT409"] > 0
    figures.add(appends=len(operations), events=len(log), conflicts=outcomes["PT409"])


def test_a_hot_aggregate_refuses_nobody_who_accepts_any_version(
    store: Store, rng: random.Random, figures: Figures
) -> None:
    operations = hot(store, rng)
    assert refusals_of(operations) == {"ok": 16 * 120}
    assert history_violations(operations, store.log()) == []
    figures.add(appends=len(operations))


@pytest.mark.twin_of(2)
def test_the_article_s_function_is_caught_sharing_a_version(
    store: Store, rng: random.Random, twin: Callable[[str], None]
) -> None:
    twin("article")

    def check() -> list[str]:
        run_clients(store, rng, [any_append], clients=16, rounds=5, aggregates=1)
        return stream_violations(store.log())

    assert first_violations(check)
