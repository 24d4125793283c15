"""How a worker chooses the size of a batch and the time of the next one."""

from __future__ import annotations

from harness.turns import (
    FIRST_LIMIT,
    LARGEST_LIMIT,
    LONGEST_PENALTY,
    SHORTEST_PAUSE,
    SMALLEST_LIMIT,
    Turn,
)


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
