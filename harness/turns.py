"""Whose turn it is: how much of each projection is folded at once, and how soon.

The sealer has its turns beside the projections.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_LIMIT = 1000
SMALLEST_LIMIT = 10
LARGEST_LIMIT = 20_000
# Seconds for one batch: room for more below the first, too much above the second. The
# projection is locked for so long, and so much work is lost with a connection.
QUICK = 0.3
SLOW = 1.0
# Seconds until the next look when nothing came, and when something failed.
SHORTEST_PAUSE = 0.05
FIRST_PENALTY = 0.5
LONGEST_PENALTY = 60.0


@dataclass
class Pause:
    """Seconds that double with each time in a row, up to the longest."""

    first: float
    longest: float
    times: int = 0

    def next(self) -> float:
        # Beyond 2 ** 30 any pause is the longest one.
        seconds = self.first * 2.0 ** min(self.times, 30)
        self.times += 1
        return min(seconds, self.longest)

    def reset(self) -> None:
        self.times = 0


@dataclass
class Turn:
    """One projection's batch size and the time, in seconds, of its next batch."""

    name: str
    interval: float
    limit: int = FIRST_LIMIT
    due: float = 0.0
    is_idle: bool = False
    pause: Pause = field(init=False)
    penalty: Pause = field(init=False)

    def __post_init__(self) -> None:
        self.pause = Pause(min(SHORTEST_PAUSE, self.interval), self.interval)
        self.penalty = Pause(FIRST_PENALTY, LONGEST_PENALTY)

    def folded(self, count: int, seconds: float, now: float) -> None:
        """Learn from a batch: at once again while there is more, later when not."""
        self.penalty.reset()
        is_full = count >= self.limit
        if seconds > SLOW:
            self.limit = max(self.limit // 2, SMALLEST_LIMIT)
        elif is_full and seconds < QUICK:
            self.limit = min(self.limit * 2, LARGEST_LIMIT)
        self.is_idle = not is_full
        if count:
            self.pause.reset()
        if is_full:
            self.due = now
        else:
            # One that took long for little has waited for somebody, who waited for it.
            self.due = now + max(self.pause.next(), min(4 * seconds, self.interval))

    def failed(self, now: float) -> float:
        """Take a smaller batch, after a pause; give its seconds."""
        self.limit = max(self.limit // 2, SMALLEST_LIMIT)
        self.is_idle = False
        seconds = self.penalty.next()
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
    due: float = 0.0
    target: int | None = None
    is_done: bool = False
    penalty: Pause = field(
        default_factory=lambda: Pause(FIRST_PENALTY, LONGEST_PENALTY)
    )

    def sealed(self, is_full: bool, now: float) -> None:
        """Have the next turn at once while there is more, later when not."""
        self.penalty.reset()
        self.due = now if is_full else now + self.interval

    def failed(self, now: float) -> float:
        """Wait before the next turn; give the seconds."""
        seconds = self.penalty.next()
        self.due = now + seconds
        return seconds
