"""Readers that page through the feed by the id that they saw last."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import psycopg

from support.clients.calls import Connection
from support.clients.store import Store

# How long a server may be down before a reader gives up, in seconds.
PATIENCE = 120.0


@dataclass
class Reader:
    """What one reader saw, in the order in which it saw it."""

    seen: list[int] = field(default_factory=list)
    # Where it begins: the id of the last event that is not its business.
    start: int = 0
    # When the event was seen first.
    seen_at: dict[int, float] = field(default_factory=dict)
    # How often it lost its connection.
    losses: int = 0

    def read_page(self, connection: Connection, limit: int) -> int:
        """Read behind the last event seen and give the size of the page."""
        after = self.seen[-1] if self.seen else self.start
        rows = connection.execute(
            "select id from evident.read_feed(p_after => %s, p_limit => %s)",
            [after, limit],
        ).fetchall()
        now = time.monotonic()
        for (number,) in rows:
            self.seen.append(number)
            self.seen_at.setdefault(number, now)
        return len(rows)

    def follow(self, store: Store, seed: int, over: threading.Event) -> None:
        """Read until an empty page after the end of all writing.

        Goes on behind the last event when the connection is lost.
        """
        rng = random.Random(seed)
        deadline = time.monotonic() + PATIENCE
        while True:
            is_connected = False
            try:
                with store.connect() as connection:
                    is_connected = True
                    deadline = time.monotonic() + PATIENCE
                    return self._follow(connection, rng, over)
            except psycopg.OperationalError:
                self.losses += is_connected
                # The server is down, but not for ever.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _follow(
        self, connection: Connection, rng: random.Random, over: threading.Event
    ) -> None:
        while True:
            is_over = over.is_set()
            size = self.read_page(connection, rng.choice([1, 10, 100, 1000]))
            if not size and is_over:
                return
            if not size:
                over.wait(rng.random() * 0.005)
