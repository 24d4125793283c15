"""Promises 2 to 6 over interleavings that Hypothesis chooses and shrinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyFailure

from support.checkers.feed import feed_violations
from support.checkers.history import history_violations
from support.clients.feed_readers import Reader
from support.clients.interleaving import AGGREGATES, MODES, Interleaving, Session, Step
from support.clients.store import Logged, Store
from support.seeds import SEED, random_source, scaled

pytestmark = pytest.mark.promise(2, 3, 4, 5, 6)

Observer = psycopg.Connection[Any]

REFUSALS = frozenset({"PT404", "PT409", "40P01"})
SESSIONS = 3

sessions = st.integers(0, SESSIONS - 1)
entries = st.lists(
    st.tuples(
        st.integers(0, AGGREGATES - 1),
        st.sampled_from(MODES),
        st.sampled_from([1, 2, 1, 0]),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda entry: entry[0],
).map(tuple)
# Outside a transaction each of them begins one.
controls = st.sampled_from(["commit", "commit", "rollback", "savepoint", "undo"])
steps = st.one_of(
    st.builds(Step, sessions, st.just("append"), entries),
    st.builds(Step, sessions, st.just("append"), entries),
    st.builds(Step, sessions, controls),
    st.builds(Step, sessions, st.just("repeat"), entries, st.integers(0, 9)),
)
# Everybody in a transaction from the start, since only then anybody blocks.
programs = st.lists(steps, min_size=10, max_size=30).map(
    lambda chosen: [*(Step(n, "begin") for n in range(SESSIONS)), *chosen]
)


def interleaving_violations(
    store: Store, observer: Observer, program: list[Step]
) -> list[str]:
    row = observer.execute("select evident.safe_position()").fetchone()
    assert row is not None
    connections = [store.connect() for _ in range(SESSIONS)]
    try:
        run = Interleaving(
            [Session(each) for each in connections], observer, Reader(start=row[0])
        )
        run.run(program)
    finally:
        for each in connections:
            each.close()
    log: list[Logged] = [e for e in store.log() if e.id > row[0]]
    found = run.found + history_violations(run.operations(), log, REFUSALS)
    return found + feed_violations(run.reader.seen, [event.id for event in log])


def check_programs(
    store: Store, observer: Observer, examples: int, phases: list[Phase]
) -> None:
    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(program=programs)
    def check(program: list[Step]) -> None:
        assert interleaving_violations(store, observer, program) == []

    check()


def test_every_interleaving_has_a_legal_order_and_a_whole_feed(
    store: Store, observer: Observer
) -> None:
    random_source("interleavings")
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    check_programs(store, observer, scaled(25, 100), phases)


@pytest.mark.twin_of(3)
@pytest.mark.parametrize("name", ["naive_feed", "no_event_id", "article"])
def test_a_broken_store_is_caught_by_some_interleaving(
    store: Store, observer: Observer, twin: Callable[[str], None], name: str
) -> None:
    random_source("interleavings")
    twin(name)
    with pytest.raises((AssertionError, FlakyFailure)) as caught:
        check_programs(store, observer, 400, [Phase.generate])
    # Hypothesis runs what it has found again, and no two runs are the same to
    # the microsecond. What failed once has been caught.
    if isinstance(caught.value, FlakyFailure):
        assert caught.group_contains(AssertionError)
