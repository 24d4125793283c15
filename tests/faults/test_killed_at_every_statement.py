"""Promise 19: a call that is stopped at any of its statements leaves nothing behind.

Not at any moment, which chance would choose, but at each statement in turn: a trap
stands before every one of them. The call is killed where it comes to a statement first;
at one in three it is cancelled, or fails, where it comes there last.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.checkers.ledger import ledger_violations
from support.checkers.projections import drift
from support.clients.meeting import MEETINGS, RUNNERS, meet
from support.clients.stepped_calls import FOLDS, STORY, Step, give
from support.clients.stopping import Stopped, Stopper
from support.clients.store import Store
from support.clients.trap import Trap
from support.models.projection_models import ALL, make_models
from support.seeds import FULL

pytestmark = pytest.mark.faults

Observer = psycopg.Connection[Any]

# Of the places where a call can be stopped, every so many.
EVERY = 1 if FULL else 100
BESIDE = 3 if FULL else 40


@pytest.fixture
def trap(observer: Observer) -> Trap:
    """Give a store with read models and some events; the trap is not in it yet."""
    make_models(observer, ALL)
    give(1)(observer)
    return Trap(observer)


def violations(
    store: Store, trap: Trap, steps: list[Step], rng: random.Random, every: int
) -> tuple[Stopped, list[str]]:
    """Stop the calls of a story everywhere, and check the store at its end."""
    trap.install()
    second = store.db.connect(autocommit=True)
    done = Stopper(store, trap, rng, every, second).run(steps)
    found = done.found or drift(trap.observer)
    return done, found or ledger_violations(trap.observer, is_complete=False)


@pytest.mark.promise(19, 8)
def test_a_call_stopped_at_any_statement_leaves_nothing(
    store: Store, trap: Trap, rng: random.Random, figures: Figures
) -> None:
    done, found = violations(store, trap, STORY, rng, EVERY)
    print(f"{trap.statements} statements, reached {done.hits} times: {done.ways}")
    assert found == []
    assert done.hits > 2000
    assert done.told > 0 or not FULL
    figures.worst(statements_with_a_trap=trap.statements)
    figures.add(
        stopped_calls=len(STORY),
        statements_reached=done.hits,
        killed_there=done.ways["kill"],
        cancelled_there=done.ways["cancel"],
        failed_there=done.ways["40P01"] + done.ways["53200"],
    )


@pytest.mark.promise(19, 8, 2)
def test_of_two_at_the_same_work_one_is_killed_anywhere_and_nothing_is_done_twice(
    store: Store, trap: Trap, rng: random.Random, figures: Figures
) -> None:
    trap.install()
    for meeting in MEETINGS:
        kills, found = meet(store, trap, meeting, rng, BESIDE)
        print(f"{meeting.name}: {kills} kills")
        assert found == []
        assert kills > 0
        figures.add(killed_beside_another=kills)


@pytest.mark.twin_of(8, 19)
@pytest.mark.parametrize("broken", ["checkpoint_elsewhere", "parking_any_error"])
def test_a_runner_with_two_transactions_or_a_deaf_handler_is_caught(
    store: Store,
    trap: Trap,
    rng: random.Random,
    twin: Callable[[str], None],
    broken: str,
) -> None:
    twin(broken)
    _, found = violations(store, trap, FOLDS[:1], rng, 1)
    assert found
    print(f"caught: {found[0]}")


@pytest.mark.twin_of(8, 19)
def test_a_runner_that_loses_what_a_killed_one_began_is_caught(
    store: Store, trap: Trap, rng: random.Random, twin: Callable[[str], None]
) -> None:
    twin("checkpoint_elsewhere")
    trap.install()
    _, found = meet(store, trap, RUNNERS, rng, 5)
    assert found
    print(f"caught: {found[0]}")
