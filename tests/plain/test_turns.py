"""How a worker chooses the size of a batch and the time of the next one."""

from __future__ import annotations

from pg_evident.projections.turns import (
    FIRST_LIMIT,
    LARGEST_LIMIT,
    LONGEST_ABSENCE,
    LONGEST_PENALTY,
    SHORTEST_PAUSE,
    SMALLEST_LIMIT,
    Reason,
    Sealing,
    Turn,
)
from pg_evident.steps.limits import STEADY, Size


def test_a_batch_grows_while_full_ones_are_quick_and_shrinks_when_slow() -> None:
    turn = Turn("p", 1.0)
    turn.folded(FIRST_LIMIT, 0.1, 5.0)
    assert (turn.limit, turn.due) == (2 * FIRST_LIMIT, 5.0)
    turn.folded(turn.limit, 0.5, 6.0)
    assert (turn.limit, turn.due) == (2 * FIRST_LIMIT, 6.0)
    turn.folded(turn.limit, 1.5, 7.0)
    assert turn.limit == FIRST_LIMIT
    turn.folded(turn.limit - 1, 0.01, 7.0)
    assert turn.limit == FIRST_LIMIT
    for _ in range(20):
        turn.folded(turn.limit, 0.1, 7.0)
    assert turn.limit == LARGEST_LIMIT
    for _ in range(20):
        turn.folded(turn.limit, 9.0, 7.0)
    assert turn.limit == SMALLEST_LIMIT


def test_an_idle_projection_is_looked_at_less_often_up_to_the_interval() -> None:
    turn = Turn("p", 1.0)
    pauses = []
    for _ in range(7):
        turn.folded(0, 0.001, 0.0)
        pauses.append(turn.due)
    assert pauses[:3] == [SHORTEST_PAUSE, 2 * SHORTEST_PAUSE, 4 * SHORTEST_PAUSE]
    assert pauses[-1] == 1.0
    turn.wake(3.0)
    assert turn.due == 3.0
    turn.folded(1, 0.001, 3.0)
    assert turn.due == 3.0 + SHORTEST_PAUSE


def test_a_batch_that_waited_for_somebody_is_not_repeated_at_once() -> None:
    turn = Turn("p", 1.0)
    turn.folded(0, 0.2, 0.0)
    assert turn.due == 0.8
    turn.folded(0, 0.9, 0.0)
    assert turn.due == 1.0


def test_a_failing_projection_waits_twice_as_long_each_time_up_to_a_minute() -> None:
    turn = Turn("p", 1.0)
    pauses = [turn.failed(0.0) for _ in range(100)]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == LONGEST_PENALTY == 60
    assert turn.limit == SMALLEST_LIMIT
    turn.wake(0.0)
    assert turn.due == LONGEST_PENALTY
    turn.folded(1, 0.1, 0.0)
    assert turn.failed(0.0) == 0.5


def test_a_batch_that_a_limit_has_ended_is_halved_at_once_and_grows_slowly() -> None:
    turn = Turn("p", 1.0)
    assert turn.failed(5.0, Reason.SIZE) == 0.0
    assert (turn.limit, turn.due, turn.penalty.times) == (FIRST_LIMIT // 2, 5.0, 0)
    for _ in range(STEADY):
        assert not turn.folded(turn.limit, 0.1, 6.0)
        assert turn.limit == FIRST_LIMIT // 2
    assert turn.folded(turn.limit, 0.1, 6.0)
    assert turn.limit == FIRST_LIMIT
    assert not turn.folded(turn.limit, 0.1, 6.0)


def test_one_event_that_is_too_much_is_a_failure_as_any_other() -> None:
    sealing = Sealing(5.0, Size(4, 4))
    assert [sealing.failed(0.0, Reason.SIZE) for _ in range(4)] == [0.0, 0.0, 0.5, 1.0]
    assert (sealing.size.limit, sealing.penalty.times) == (1, 2)


def test_a_lock_of_another_one_is_looked_for_every_few_seconds() -> None:
    turn = Turn("p", 1.0)
    pauses = [turn.failed(0.0, Reason.LOCK) for _ in range(20)]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == LONGEST_ABSENCE
    assert turn.limit == 1
