"""Sealers beside adversarial writers, and what came of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import psycopg

from support.checkers.ledger import ledger_violations
from support.clients.calls import Connection
from support.clients.feed_work import hold_back, in_background, seeds_of
from support.clients.feed_writers import Progress, write
from support.clients.store import Store
from support.clients.waiting import Background, results

SEAL = "select evident.seal(%s)"


def seal(connection: Connection, limit: int = 100_000) -> int:
    """Seal once and give how many events."""
    row = connection.execute(SEAL, [limit]).fetchone()
    assert row is not None
    return int(row[0])


def seal_all(connection: Connection) -> int:
    """Seal until nothing is left, the log's own events included."""
    return sum(iter(lambda: seal(connection), 0))


def leaves(observer: Connection) -> int:
    """Give the size of the newest tree."""
    row = observer.execute("select h.tree_size from evident._tree_head() as h")
    (size,) = row.fetchone() or (0,)
    return int(size)


def keep_sealing(store: Store, seed: int, over: threading.Event) -> int:
    """Seal in strides of random length until told to stop; count the events."""
    rng, sealed = random.Random(seed), 0
    with store.connect(application_name="sealer") as connection:
        while not over.is_set():
            sealed += seal(connection, rng.choice([1, 7, 100, 255, 256, 257, 100_000]))
            if rng.random() < 0.5:
                over.wait(rng.random() * 0.01)
    return sealed


def run_sealing(
    store: Store,
    observer: Connection,
    rng: random.Random,
    *,
    events: int,
    writers: int = 12,
    sealers: int = 1,
) -> list[str]:
    """Write so many events while sealers work, seal the rest, and check all of it.

    What a sealer is refused is a violation, too.
    """
    progress, over = Progress(events), threading.Event()
    before = leaves(observer)
    sealing = [
        Background(lambda s=seed: keep_sealing(store, s, over))
        for seed in seeds_of(rng, sealers)
    ]
    try:
        writing = in_background(lambda s: write(store, s, progress), rng, writers)
        hold_back(store, progress)
        results(writing, 600)
    finally:
        progress.stop()
        over.set()
    return list(_outcome(store, observer, sealing, before))


def _outcome(
    store: Store, observer: Connection, sealing: list[Background[int]], before: int
) -> Iterator[str]:
    sealed = 0
    for each in sealing:
        try:
            sealed += each.result()
        except psycopg.Error as error:
            yield f"a sealer ended with {error.sqlstate}: {error}"
            return
    try:
        with store.connect() as connection:
            sealed += seal_all(connection)
    except psycopg.Error as error:
        yield f"the last seal ended with {error.sqlstate}: {error}"
        return
    if leaves(observer) - before != sealed:
        yield f"{sealed} events sealed, {leaves(observer) - before} leaves more"
    yield from ledger_violations(observer)


def interrupted_sealing(
    observer: Connection,
    interrupt: Callable[[float], str | None],
    append: Callable[[], None],
    rng: random.Random,
    rounds: int,
) -> dict[str | None, int]:
    """Interrupt seals at any moment, and check that nothing is left half-done.

    Gives how often a seal ended how; None: it was through.
    """
    ends: dict[str | None, int] = {}
    usual = 0.005
    for _ in range(rounds):
        append()
        before = ledger_state(observer)
        started = time.monotonic()
        outcome = interrupt(rng.random() * usual)
        if outcome is None:
            usual = time.monotonic() - started
        else:
            # Next time there is more to seal, too.
            usual *= 1.2
            assert ledger_state(observer) == before
        ends[outcome] = ends.get(outcome, 0) + 1
    return ends


STATE = """
select
    (select count(*) from evident.tree_head),
    (select count(*) from evident.ledger_tile),
    (select count(*) from evident.event_store)
"""


def ledger_state(observer: Connection) -> tuple[int, ...] | None:
    """Give all that a seal could leave half-done."""
    return observer.execute(STATE).fetchone()
