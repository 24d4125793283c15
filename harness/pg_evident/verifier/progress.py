"""A progress bar on stderr, when there is a terminal or the run is long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

WIDTH = 32
LONG_RUN = 20.0
EVERY = 0.1
EVERY_LINE = 30.0


def bar(total: int) -> Callable[[int], None]:
    """Give a function that shows how many of `total` events are done."""
    started = shown = time.monotonic()
    is_terminal = sys.stderr.isatty()

    def show(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        is_end = done >= total
        if is_terminal:
            if now - shown >= EVERY and not is_end:
                shown = now
                sys.stderr.write(f"\r{line(done, total, now - started)}\x1b[K")
                sys.stderr.flush()
            elif is_end:
                sys.stderr.write("\r\x1b[K")
        elif now - started > LONG_RUN and now - shown >= EVERY_LINE:
            shown = now
            print(line(done, total, now - started), file=sys.stderr, flush=True)

    return show


def line(done: int, total: int, seconds: float) -> str:
    """Write the state: a bar, counts, speed and the time that is left."""
    share = done / total if total else 1.0
    filled = round(share * WIDTH)
    speed = done / seconds if seconds else 0.0
    left = round((total - done) / speed) if speed else 0
    return (
        f"{'█' * filled}{'░' * (WIDTH - filled)} {share:4.0%}"
        f"  {done:,} of {total:,} events  {speed:,.0f}/s  {left // 60}:{left % 60:02d}"
    )
