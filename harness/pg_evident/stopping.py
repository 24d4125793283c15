"""End in good order on SIGTERM and Ctrl-C, whatever is under way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class Stop(KeyboardInterrupt):
    """SIGTERM or Ctrl-C. As such an interrupt psycopg cancels a running statement."""


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise Stop where the signal meets us: in a statement, a connect, a pause."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signum: int, _frame: object) -> None:
        raise Stop

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
