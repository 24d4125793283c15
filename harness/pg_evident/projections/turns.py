"""Whose turn it is: how much of each projection is folded at once, and how soon.

The sealer has its turns beside the projections.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from pg_evident.steps.limits import Size
from pg_evident.steps.pauses import Pause

FIRST_LIMIT = 1000
SMALLEST_LIMIT = 1
LARGEST_LIMIT = 20_000
# Seconds for one batch: room for more below the first, too much above the second. The
# projection is locked for so long, and so much work is lost with a connection.
QUICK = 0.3
SLOW = 1.0
# Seconds until the next look when nothing came, and when something failed.
SHORTEST_PAUSE = 0.05
FIRST_PENALTY = 0.5
LONGEST_PENALTY = 60.0
# At most so long until the next look for a lock that another one had.
LONGEST_ABSENCE = 5.0


class Reason(Enum):
    """Why a batch failed: too much at once, a lock of another one's, something else."""

    SIZE = "size"
    LOCK = "lock"
    OTHER = "other"


def _after(reason: Reason, size: Size, penalty: Pause) -> float:
    """Make the next batch smaller; give the seconds until then.

    None where it was too much and can be less: that is no failure yet.
    """
    could_be_less = size.limit > 1
    size.halve(is_limited=reason is not Reason.OTHER)
    if reason is Reason.SIZE and could_be_less:
        return 0.0
    seconds = penalty.next()
    return min(seconds, LONGEST_ABSENCE) if reason is Reason.LOCK else seconds


@dataclass
class Turn:
    """One projection's batch size and the time, in seconds, of its next batch."""

    name: str
    interval: float
    size: Size = field(default_factory=lambda: Size(FIRST_LIMIT, LARGEST_LIMIT))
    due: float = 0.0
    is_idle: bool = False
    pause: Pause = field(init=False)
    penalty: Pause = field(init=False)

    def __post_init__(self) -> None:
        self.pause = Pause(min(SHORTEST_PAUSE, self.interval), self.interval)
        self.penalty = Pause(FIRST_PENALTY, LONGEST_PENALTY)

    @property
    def limit(self) -> int:
        return self.size.limit

    def folded(self, count: int, seconds: float, now: float) -> bool:
        """Learn from a batch: at once again while there is more, later when not.

        True when it takes as much again as before it was limited.
        """
        self.penalty.reset()
        is_full = count >= self.limit
        is_restored = False
        if seconds > SLOW:
            self.size.halve()
        elif is_full and seconds < QUICK:
            is_restored = self.size.succeed()
        self.is_idle = not is_full
        if count:
            self.pause.reset()
        if is_full:
            self.due = now
        else:
            # One that took long for little has waited for somebody, who waited for it.
            self.due = now + max(self.pause.next(), min(4 * seconds, self.interval))
        return is_restored

    def failed(self, now: float, reason: Reason = Reason.OTHER) -> float:
        """Take a smaller batch, after a pause; give its seconds."""
        self.is_idle = False
        seconds = _after(reason, self.size, self.penalty)
        self.due = now + seconds
        return seconds

    def wake(self, now: float) -> None:
        """Let one that had everything have its turn now: there is something new."""
        if self.is_idle:
            self.pause.reset()
            self.due = now


@dataclass
class Sealing:
    """The time of the next seal, and for `once` how far it has come.

    `target` is the position up to which everything has to be sealed in the end: known
    when all is sealed that was there at the start, since a seal may append an event of
    its own.
    """

    interval: float
    size: Size
    due: float = 0.0
    target: int | None = None
    is_done: bool = False
    penalty: Pause = field(
        default_factory=lambda: Pause(FIRST_PENALTY, LONGEST_PENALTY)
    )

    def sealed(self, is_full: bool, is_more: bool, now: float) -> bool:
        """Have the next turn at once while there is more, later when not.

        True when it takes as much again as before it was limited.
        """
        self.penalty.reset()
        self.due = now if is_more else now + self.interval
        return is_full and self.size.succeed()

    def failed(self, now: float, reason: Reason = Reason.OTHER) -> float:
        """Take less, or wait before the next turn; give the seconds."""
        seconds = _after(reason, self.size, self.penalty)
        self.due = now + seconds
        return seconds
