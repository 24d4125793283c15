"""How long to wait until the next attempt."""

from __future__ import annotations

from dataclasses import dataclass

# Seconds until a lost connection is made again: the first time, and at most.
RECONNECT = (0.1, 5.0)


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
