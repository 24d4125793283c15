"""Adversarial writers and the workers of one consumer at the same time."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

from support.checkers.consumers import consumer_violations
from support.clients.calls import Connection
from support.clients.consumer_workers import CONSUMER, Claim, Worker, kill_workers
from support.clients.feed_work import in_background, seeds_of
from support.clients.feed_writers import Progress, write
from support.clients.store import Logged, Store
from support.clients.waiting import Background, results


@dataclass
class Consumed:
    """The final log, all that the workers got, and how it went."""

    log: list[Logged]
    claims: list[Claim]
    kills: int
    losses: int
    seconds: float

    def violations(self) -> list[str]:
        return consumer_violations(self.claims, self.log)

    def outcomes(self) -> Counter[str]:
        return Counter(
            each.outcome or "unknown"
            for claim in self.claims
            for each in claim.confirmations
        )

    def summary(self) -> str:
        given = sum(len(claim.events) for claim in self.claims)
        return (
            f"{len(self.log)} events in {self.seconds:.1f} s, given {given} times in"
            f" {len(self.claims)} claims, {self.kills} backends killed,"
            f" confirmations {dict(self.outcomes())}"
        )


def run_consumer(
    store: Store,
    observer: Connection,
    rng: random.Random,
    *,
    events: int,
    partitions: int,
    writers: int = 6,
    workers: int = 6,
    with_kills: bool = True,
) -> Consumed:
    """Write at least so many events while a new consumer's workers are at work."""
    observer.execute("delete from evident.consumer where name = %s", [CONSUMER])
    observer.execute("select evident.create_consumer(%s, %s)", [CONSUMER, partitions])
    # What an earlier run has left is not this one's business.
    observer.execute(
        "update evident.consumer_partition set position = evident.safe_position()"
    )
    row = observer.execute("select evident.safe_position()").fetchone()
    assert row is not None
    started = time.monotonic()
    progress, over = Progress(events), threading.Event()
    every = [Worker(store, random.Random(s)) for s in seeds_of(rng, workers)]
    working = [Background(lambda w=each: w.run(over)) for each in every]
    killing = Background(lambda: kill_workers(observer, over) if with_kills else 0)
    try:
        writing = in_background(lambda s: write(store, s, progress), rng, writers)
        results(writing, 600)
    finally:
        progress.stop()
        over.set()
    kills = killing.result()
    results(working)
    seconds = time.monotonic() - started
    log = [each for each in store.log() if each.id > row[0]]
    claims = [claim for each in every for claim in each.claims]
    return Consumed(log, claims, kills, sum(each.losses for each in every), seconds)
