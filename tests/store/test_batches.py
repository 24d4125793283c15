"""Promise 4: a batch over several aggregates is atomic and never deadlocks."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.history import history_violations
from support.checkers.refusals import refusal_violations, refusals_of
from support.clients.history_work import (
    checking_batch,
    exact_append,
    exact_batch,
    mixed_batch,
    run_clients,
)
from support.clients.killer import run_under_kills
from support.clients.operations import Operation
from support.clients.skew import crossed_batches
from support.clients.store import Store

pytestmark = pytest.mark.promise(4)

Observer = psycopg.Connection[Any]
REFUSALS = frozenset({"PT404", "PT409"})

LEVELS = [
    IsolationLevel.READ_COMMITTED,
    IsolationLevel.REPEATABLE_READ,
    IsolationLevel.SERIALIZABLE,
]


def names(levels: tuple[IsolationLevel, IsolationLevel]) -> str:
    return " and ".join(level.name for level in levels)


def opposite_orders(store: Store, rng: random.Random, rounds: int) -> list[Operation]:
    """Let batches meet in few aggregates, each in a random order of its entries."""
    kinds = [exact_batch, mixed_batch, checking_batch, exact_append]
    return run_clients(store, rng, kinds, clients=10, rounds=rounds, aggregates=5)


def test_batches_in_opposite_orders_never_deadlock(
    store: Store, rng: random.Random, figures: Figures
) -> None:
    operations = opposite_orders(store, rng, rounds=150)
    log = store.log()
    assert history_violations(operations, log, REFUSALS) == []
    assert refusal_violations(operations, log) == []
    outcomes = refusals_of(operations)
    assert outcomes["ok"] > 100
    assert outcomes["PT409"] > 50
    figures.add(batches=len(operations))


def test_a_killed_batch_leaves_all_or_nothing(
    store: Store, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    operations, kills = run_under_kills(store, observer, rng)
    log = store.log()
    assert history_violations(operations, log, REFUSALS) == []
    outcomes = refusals_of(operations)
    print(f"{kills} kills: {dict(outcomes)}")
    assert outcomes["unknown"] > 0
    assert kills > 0
    assert outcomes["ok"] > 50
    figures.add(batches=len(operations), kills=kills)


@pytest.mark.parametrize("levels", [*itertools.product(LEVELS, LEVELS)], ids=names)
def test_two_batches_that_check_what_the_other_appends_never_both_pass(
    store: Store,
    observer: Observer,
    levels: tuple[IsolationLevel, IsolationLevel],
) -> None:
    operations = crossed_batches(store, observer, levels)
    # The other levels refuse checks: the answer would be as old as the snapshot.
    refusals = frozenset({"PT409"})
    if set(levels) != {IsolationLevel.READ_COMMITTED}:
        refusals |= {"PT400"}
    assert history_violations(operations, store.log(), refusals) == []
    accepted = sum(each.is_acknowledged for each in operations[-2:])
    assert accepted <= 1
    if set(levels) == {IsolationLevel.READ_COMMITTED}:
        assert accepted == 1


@pytest.mark.twin_of(4)
def test_unsorted_batches_are_caught_in_a_deadlock(
    store: Store, rng: random.Random, twin: Callable[[str], None]
) -> None:
    twin("unsorted_batch")

    def check() -> list[str]:
        return undocumented(opposite_orders(store, rng, rounds=10))

    assert any("40P01" in each for each in first_violations(check))


@pytest.mark.twin_of(4)
def test_a_batch_that_leaves_out_conflicts_is_caught(
    store: Store, rng: random.Random, twin: Callable[[str], None]
) -> None:
    twin("piecemeal_batch")
    operations = opposite_orders(store, rng, rounds=10)
    assert history_violations(operations, store.log(), REFUSALS)


@pytest.mark.twin_of(4)
def test_checks_without_locks_are_caught_in_a_write_skew(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("unlocked_checks")
    levels = (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_COMMITTED)
    operations = crossed_batches(store, observer, levels)
    (violation,) = history_violations(operations, store.log())
    assert violation.startswith("G2-item: no order explains")


def undocumented(operations: list[Operation]) -> list[str]:
    """Name the refusals that the contract does not know, for a log of many runs."""
    codes = refusals_of(operations)
    return [code for code in codes if code not in REFUSALS | {"ok", "unknown"}]
