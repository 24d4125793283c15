"""Writers, runners, rebuilders and a killer at once, and what came of it."""

from __future__ import annotations

import itertools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg

from support.checkers.projections import drift
from support.clients.calls import Connection
from support.clients.feed_work import seeds_of
from support.clients.feed_writers import Progress
from support.clients.killer import VICTIM
from support.clients.projection_writers import WRITER, Tally, Writer
from support.clients.store import Store
from support.clients.waiting import Background
from support.models.projection_models import Model, differences

RUNNER = "evident test runner"
RUN = "select evident.run_projection(%s, %s)"
REBUILD = "select evident.rebuild_projection(%s, %s, %s)"
Action = Callable[[Connection, random.Random], None]


@dataclass
class Work:
    """What the writers' calls came to, and how everything else ended."""

    writers: Tally = field(default_factory=Tally)
    each: list[Counter[str]] = field(default_factory=list)
    kills: int = 0
    events: int = 0
    seconds: float = 0.0

    @property
    def others(self) -> Counter[str]:
        """Count how the actions ended, all together."""
        return sum(self.each, Counter())

    def summary(self) -> str:
        return (
            f"{self.events} events in {self.seconds:.1f} s, slowest call"
            f" {self.writers.slowest * 1000:.0f} ms, calls"
            f" {dict(self.writers.outcomes)}, others {dict(self.others)},"
            f" {self.kills} backends killed"
        )


def work(
    store: Store,
    observer: Connection,
    rng: random.Random,
    actions: Sequence[Action],
    *,
    events: int,
    writers: int = 4,
    aggregates: int = 6,
    is_calm: bool = False,
    bad: float = 0.0,
    with_kills: bool = False,
) -> Work:
    """Write so many events, a share of them bad, while each action is repeated."""
    done, progress, over = Work(), Progress(events), threading.Event()
    shared = [uuid.UUID(int=rng.getrandbits(128)) for _ in range(aggregates)]
    every = [
        Writer(store, random.Random(s), shared, progress, is_calm, bad)
        for s in seeds_of(rng, writers)
    ]
    started = time.monotonic()
    repeating = [
        Background(lambda a=a, s=s: repeat(store, a, random.Random(s), over))
        for a, s in zip(actions, seeds_of(rng, len(actions)), strict=True)
    ]
    writing = [Background(each.run) for each in every]
    killing = Background(lambda: kill(observer, over) if with_kills else 0)
    try:
        for each in writing:
            done.writers.add(each.result(600))
    finally:
        progress.stop()
        over.set()
    done.each = [repeated.result() for repeated in repeating]
    done.kills, done.events = killing.result(), progress.committed
    done.seconds = time.monotonic() - started
    return done


def repeat(
    store: Store, action: Action, rng: random.Random, over: threading.Event
) -> Counter[str]:
    """Repeat an action until the end, and count its outcomes."""
    outcomes: Counter[str] = Counter()
    connection: Connection | None = None
    while not over.is_set():
        try:
            if connection is None:
                connection = store.connect(application_name=RUNNER)
            action(connection, rng)
            outcomes["ok"] += 1
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith(("57P", "08")):
                outcomes["lost"] += 1
                connection = None
            else:
                outcomes[str(error.sqlstate)] += 1
                if error.sqlstate == "40P01":
                    print(error.diag.message_detail, error.diag.context, sep="\n")
        over.wait(rng.random() * 0.02)
    if connection is not None:
        connection.close()
    return outcomes


def kill(observer: Connection, over: threading.Event) -> int:
    """Kill a writer and a runner at work by turns; count the kills."""
    kills, victims = 0, itertools.cycle([WRITER, RUNNER])
    while not over.wait(0.05):
        kills += observer.execute(VICTIM, [next(victims)]).rowcount
    return kills


def run_slices(model: Model) -> Action:
    """Make the action of a runner with slices of random sizes."""

    def run(connection: Connection, rng: random.Random) -> None:
        connection.execute(RUN, [model.name, rng.choice([1, 3, 20, 1000])])

    return run


def rebuild(model: Model) -> Action:
    """Make the action of a rebuild, in one piece or of one slice."""

    def run(connection: Connection, rng: random.Random) -> None:
        slices = rng.choice([1, 1, 3])
        connection.execute(REBUILD, [model.name, rng.randrange(slices), slices])

    return run


def catch_up(observer: Connection, models: Sequence[Model]) -> None:
    """Run each projection until it has all that is stored."""
    for model in models:
        for _ in range(10_000):
            row = observer.execute(RUN, [model.name, 1000]).fetchone()
            if row == (0,):
                break


def violations(
    store: Store,
    observer: Connection,
    models: Sequence[Model],
    is_repaired: bool = True,
) -> list[str]:
    """Catch up, and name the rows that are wrong to the engine or to the fold here."""
    catch_up(observer, models)
    found = []
    for model in models:
        found += drift(observer, model.name)
        found += differences(store.db, model, is_repaired)
    return found
