"""One append that stays open, as a prepared transaction, while servers come and go."""

from __future__ import annotations

import uuid

from support.clients.feed_work import check_held
from support.clients.recorder import Recorder
from support.clients.workload import Workload
from support.models.history import Fate, Level


class Held:
    """An append that is prepared at once, and part of the history when committed."""

    def __init__(self, work: Workload, name: str) -> None:
        self.work, self.name = work, name
        self.noted = Recorder(name, Level.READ_COMMITTED)
        aggregate = uuid.UUID(int=work.rng.getrandbits(128))
        with work.store.connect() as connection:
            connection.execute("begin")
            self.noted.append(connection, [(aggregate, 0, 1)])
            row = connection.execute(
                "select id from evident.event_store where aggregate_id = %s",
                [aggregate],
            ).fetchone()
            assert row is not None
            self.id = int(row[0])
            connection.execute(f"prepare transaction '{name}'")

    def check(self) -> None:
        """Check that the feed still ends before it."""
        with self.work.store.connect() as connection:
            check_held(connection, self.id)

    def commit(self) -> None:
        with self.work.store.connect() as connection:
            connection.execute(f"commit prepared '{self.name}'")
        self.work.kept.append(self.noted.ended(Fate.OK))
