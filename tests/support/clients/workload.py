"""Everything at once: clients, readers, consumers, a projection runner and a sealer.

It goes on over crashes and failovers, and afterwards tells what does not agree with
the final log: histories, the feed, read models, the ledger.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence

from psycopg import IsolationLevel

from support.checkers.checker import violations
from support.checkers.consumers import consumer_violations
from support.checkers.feed import feed_violations
from support.checkers.history import lists_of, order_violations
from support.checkers.ledger import ledger_violations
from support.checkers.streams import stream_violations
from support.checkers.violation import told_all
from support.clients.calls import Connection
from support.clients.client import SHARED, Client, recorded_level
from support.clients.consumer_workers import CONSUMER, Worker
from support.clients.feed_readers import Reader
from support.clients.feed_work import ids_behind, seeds_of
from support.clients.projection_work import Action, repeat, run_slices
from support.clients.projection_work import violations as projection_violations
from support.clients.recorder import ROLLED_BACK
from support.clients.seal_work import seal, seal_all
from support.clients.store import OWN, Logged, Store
from support.clients.waiting import Background
from support.models.history import Fate, Transaction
from support.models.projection_models import Model, make_models

REFUSALS = frozenset({"PT404", "PT409", "40001", "40P01", ROLLED_BACK})
MODELS = (Model("at_once", "sync"), Model("later", "async"))
# New shared aggregates after so many events, so that none becomes long to read.
TURN = 400
LEVELS = (
    IsolationLevel.READ_COMMITTED,
    IsolationLevel.READ_COMMITTED,
    IsolationLevel.REPEATABLE_READ,
    IsolationLevel.SERIALIZABLE,
)


class Workload:
    """Clients that record what they ask and are told, on one store.

    `level` is everybody's isolation level, by default a mix; `models` are the read
    models of support.models.projection_models that are kept meanwhile.
    """

    def __init__(
        self,
        store: Store,
        rng: random.Random,
        *,
        clients: int = 8,
        readers: int = 2,
        workers: int = 2,
        level: IsolationLevel | None = None,
        models: Sequence[Model] = MODELS,
        with_sealer: bool = True,
    ) -> None:
        self.store, self.rng, self.models = store, rng, models
        self.with_sealer = with_sealer
        self.readers = [Reader() for _ in range(readers)]
        self.others: Counter[str] = Counter()
        self.kept: list[Transaction] = []
        self.events = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._tasks: list[Background[None]] = []
        self._seed = rng.getrandbits(64)
        levels = [level] if level else LEVELS
        self.clients = [
            self._client(number, levels[number % len(levels)], is_mixed=level is None)
            for number in range(clients)
        ]
        seeds = seeds_of(rng, workers)
        self.workers = [Worker(store, random.Random(seed)) for seed in seeds]
        with self._observer() as observer:
            make_models(observer, models)
            if workers:
                observer.execute("select evident.create_consumer(%s, 3)", [CONSUMER])

    @property
    def history(self) -> list[Transaction]:
        """Give all transactions so far, of all clients."""
        return [*self.kept, *(each for c in self.clients for each in c.history)]

    def outcomes(self) -> Counter[str]:
        """Count how the transactions ended: ok, unknown, or the SQLSTATE."""
        return Counter(each.sqlstate or each.fate.value for each in self.history)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Work until the block ends; then everybody comes to an end."""
        self._over.clear()
        self._tasks = [
            Background(lambda c=client: c.run(self._over.is_set))
            for client in self.clients
        ]
        actions: list[Action] = [run_slices(m) for m in self.models if m.mode != "sync"]
        if self.with_sealer:
            actions.append(seal_some)
        others = [
            Background(
                lambda a=a, s=s: repeat(self.store, a, random.Random(s), self._over)
            )
            for a, s in zip(actions, seeds_of(self.rng, len(actions)), strict=True)
        ]
        reading = [
            Background(lambda r=r, s=s: r.follow(self.store, s, self._over))
            for r, s in zip(
                self.readers, seeds_of(self.rng, len(self.readers)), strict=True
            )
        ]
        consuming = [Background(lambda w=w: w.run(self._over)) for w in self.workers]
        try:
            yield
        finally:
            self._over.set()
        for task in [*self._tasks, *reading, *consuming]:
            task.result(180)
        self.others += sum((other.result(180) for other in others), Counter())

    def wait_for(self, events: int, timeout: float = 120) -> None:
        """Wait until so many more events have been acknowledged."""
        goal, deadline = self.events + events, time.monotonic() + timeout
        while self.events < goal:
            for task in self._tasks:
                if task.is_done():
                    task.result(0)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{goal - self.events} of {events} events missing")
            time.sleep(0.001)

    def violations(self, allowed: frozenset[str] = frozenset()) -> list[str]:
        """Name what does not agree with the final log; `allowed` are more SQLSTATEs."""
        with self._observer() as observer:
            log = [e for e in self.store.log() if e.aggregate != OWN]
            found = self.history_violations(log, allowed)
            everything = ids_behind(observer, 0)
            for reader in self.readers:
                while reader.read_page(observer, 10_000):
                    pass
                found += feed_violations(reader.seen, everything)
            found += self._consumed()
            found += projection_violations(self.store, observer, self.models)
            seal_all(observer)
            found += ledger_violations(observer)
        codes = self.others.keys() - {"ok", "lost"} - allowed
        return found + [f"a runner or sealer ended with {code}" for code in codes]

    def _consumed(self) -> list[str]:
        """Let the consumer's workers have what is left, and check what they got."""
        for worker in self.workers:
            worker.run(self._over)
        claims = [claim for worker in self.workers for claim in worker.claims]
        return consumer_violations(claims, self.store.log()) if self.workers else []

    def history_violations(
        self, log: Sequence[Logged], allowed: frozenset[str] = frozenset()
    ) -> list[str]:
        """Name what the answers and a log have that no legal order explains."""
        found = stream_violations(log) + order_violations(log)
        checked = violations(self.history, lists_of(log), REFUSALS | allowed)
        return found + told_all(checked)

    def unanswered(self) -> int:
        """Count the transactions whose outcome only the log tells."""
        return sum(each.fate == Fate.UNKNOWN for each in self.history)

    def _client(self, number: int, level: IsolationLevel, is_mixed: bool) -> Client:
        rng = random.Random(f"{self._seed}/{number}")
        name = f"{self._seed:x}.{number}"
        promised = recorded_level(level, is_mixed)
        return Client(
            self.store, name, rng, level, promised, self._aggregates, self._count
        )

    def _aggregates(self) -> list[uuid.UUID]:
        turn = random.Random(f"{self._seed}/{self.events // TURN}")
        return [uuid.UUID(int=turn.getrandbits(128)) for _ in range(SHARED)]

    def _count(self, events: int) -> None:
        with self._lock:
            self.events += events

    @contextlib.contextmanager
    def _observer(self) -> Iterator[Connection]:
        with contextlib.closing(self.store.db.connect(autocommit=True)) as connection:
            yield connection


def seal_some(connection: Connection, rng: random.Random) -> None:
    """Seal a stride of random length."""
    seal(connection, rng.choice([1, 7, 100, 256, 100_000]))
