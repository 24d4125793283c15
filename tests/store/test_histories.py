"""Promise 3: appends to one aggregate are linearizable, at each isolation level."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from psycopg import IsolationLevel

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.history import history_violations
from support.checkers.refusals import refusal_violations, refusals_of
from support.clients.history_work import (
    any_append,
    checking_batch,
    exact_append,
    exact_batch,
    list_append,
    mixed_batch,
    run_clients,
)
from support.clients.store import Store

pytestmark = pytest.mark.promise(3)

LEVELS = [
    IsolationLevel.READ_COMMITTED,
    IsolationLevel.REPEATABLE_READ,
    IsolationLevel.SERIALIZABLE,
]
by_level = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)


@by_level
def test_no_acknowledged_append_overlooks_another(
    store: Store, rng: random.Random, level: IsolationLevel, figures: Figures
) -> None:
    operations = run_clients(
        store, rng, [list_append], clients=8, rounds=200, aggregates=3, level=level
    )
    log = store.log()
    assert history_violations(operations, log) == []
    assert refusal_violations(operations, log) == []
    figures.add(histories=1, transactions=len(operations), events=len(log))
    outcomes = refusals_of(operations)
    assert outcomes["ok"] > 50
    assert outcomes["PT409"] + outcomes["40001"] > 0


@by_level
def test_all_kinds_of_appends_have_one_legal_order(
    store: Store, rng: random.Random, level: IsolationLevel, figures: Figures
) -> None:
    kinds = [list_append, exact_append, any_append, exact_batch, mixed_batch]
    if level == IsolationLevel.READ_COMMITTED:
        # The other levels refuse a version check; see test_batches.
        kinds.append(checking_batch)
    operations = run_clients(
        store, rng, kinds, clients=8, rounds=200, aggregates=4, level=level
    )
    log = store.log()
    refusals = frozenset({"PT404", "PT409", "40001"})
    if level == IsolationLevel.READ_COMMITTED:
        refusals -= {"40001"}
    assert history_violations(operations, log, refusals) == []
    assert refusal_violations(operations, log) == []
    figures.add(histories=1, transactions=len(operations), events=len(log))


@pytest.mark.twin_of(3)
def test_check_then_insert_is_caught_losing_an_update(
    store: Store, rng: random.Random, twin: Callable[[str], None]
) -> None:
    twin("check_then_insert")

    def check() -> list[str]:
        operations = run_clients(
            store, rng, [list_append], clients=8, rounds=5, aggregates=1
        )
        log = store.log()
        ours = {entry.aggregate for o in operations for entry in o.entries}
        return history_violations(operations, [e for e in log if e.aggregate in ours])

    violations = first_violations(check)
    assert any("expected" in each or "lost update" in each for each in violations)
