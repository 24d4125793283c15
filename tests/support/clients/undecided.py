"""Prepared transactions that are left alone over crashes, and decided at last."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field

from support.clients.recorder import ROLLED_BACK, Recorder
from support.clients.store import Store
from support.models.history import Fate, Level, Transaction


@dataclass
class Undecided:
    """Those that are prepared and not decided yet; `history` has the others."""

    store: Store
    rng: random.Random
    history: list[Transaction] = field(default_factory=list)
    _waiting: list[Recorder] = field(default_factory=list)

    def prepare(self) -> None:
        """Append to a new aggregate in a transaction that stays prepared."""
        name = f"prepared {self.rng.getrandbits(64):x}"
        noted = Recorder(name, Level.READ_COMMITTED)
        with self.store.connect() as connection:
            connection.execute("begin")
            aggregate = uuid.UUID(int=self.rng.getrandbits(128))
            noted.append(connection, [(aggregate, 0, 3)])
            connection.execute(f"prepare transaction '{name}'")
        self._waiting.append(noted)

    def decide(self, share: float = 1.0) -> None:
        """Commit or roll back some of them, or all."""
        chosen = [each for each in self._waiting if self.rng.random() < share]
        with self.store.connect() as connection:
            for noted in chosen:
                is_kept = self.rng.random() < 0.5
                verb = "commit" if is_kept else "rollback"
                connection.execute(f"{verb} prepared '{noted.name}'")
                fate = (Fate.OK, None) if is_kept else (Fate.FAIL, ROLLED_BACK)
                self.history.append(noted.ended(*fate))
                self._waiting.remove(noted)
