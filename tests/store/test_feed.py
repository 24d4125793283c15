"""Promise 6: the feed neither skips nor reorders, whatever its writers do."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.checkers.feed import feed_violations
from support.clients.feed_work import Run, append_one, run_feed
from support.clients.store import Store
from support.seeds import scaled

pytestmark = pytest.mark.promise(6)

Observer = psycopg.Connection[Any]

EVENTS = scaled(10_000, 120_000)


def violations(run: Run) -> list[str]:
    return [each for r in run.readers for each in feed_violations(r.seen, run.log)]


def test_every_reader_sees_the_final_log(
    store: Store, observer: Observer, rng: random.Random, figures: Figures
) -> None:
    run = run_feed(store, observer, rng, events=EVENTS)
    print(run.summary())
    assert len(run.log) >= EVENTS
    assert violations(run) == []
    figures.add(
        events=len(run.log), deliveries=sum(len(each.seen) for each in run.readers)
    )


@pytest.mark.parametrize("writers", [2, 12])
def test_a_reader_may_take_its_time_between_the_statements(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    writers: int,
) -> None:
    twin("slow_feed")
    run = run_feed(store, observer, rng, events=1500, writers=writers)
    assert violations(run) == []


@pytest.mark.twin_of(6)
@pytest.mark.parametrize("name", ["naive_feed", "swapped_feed", "merged_feed"])
def test_a_broken_feed_is_caught_skipping(
    store: Store,
    observer: Observer,
    rng: random.Random,
    twin: Callable[[str], None],
    name: str,
) -> None:
    twin(name)

    def check() -> list[str]:
        # With few writers there are moments in which nobody holds the feed back.
        run = run_feed(store, observer, rng, events=500, writers=2, with_holders=False)
        return violations(run)

    assert any("missed" in each for each in first_violations(check))


def test_the_very_first_event_holds_back_the_second(store: Store) -> None:
    """A sequence that was never called counts as one less."""
    with store.connect() as late, store.connect() as early, store.connect() as reader:
        late.execute("begin")
        first = append_one(late)
        second = append_one(early)
        assert (first, second) == (1, 2)
        read = "select id from evident.read_feed()"
        assert reader.execute(read).fetchall() == []
        late.execute("commit")
        assert reader.execute(read).fetchall() == [(1,), (2,)]


def test_an_empty_feed_is_at_position_zero(store: Store) -> None:
    with store.connect() as reader:
        assert reader.execute("select evident.safe_position()").fetchall() == [(0,)]
        assert reader.execute("select * from evident.read_feed()").fetchall() == []


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_one_snapshot_for_the_whole_transaction_is_refused(
    store: Store, level: str
) -> None:
    with store.connect() as reader:
        reader.execute(f"begin isolation level {level}")
        with pytest.raises(psycopg.Error) as refused:
            reader.execute("select evident.safe_position()")
        reader.execute("rollback")
        assert refused.value.sqlstate == "PT400"
        assert refused.value.diag.message_hint
