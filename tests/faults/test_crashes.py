"""Promise 1: an acknowledged append survives a crash.

A killed process takes with it what it had not yet given to the operating system, which
goes on; only a power cut would show what the disk had not yet got.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from report.evidence import Figures
from support.checkers.bounded import first_violations
from support.clients.store import LOGIN
from support.clients.undecided import Undecided
from support.clients.workload import Workload
from support.seeds import scaled
from support.servers.crashing import WAYS, Crash, kill_all
from support.servers.durable import Mortal, durable_store

pytestmark = [pytest.mark.promise(1), pytest.mark.faults]

ROUNDS = scaled(3, 200)
# Rounds after which all of the history is checked.
STRETCH = 50
# No process writes the log of its own accord, or for the sake of others.
LAZY = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}


def crash_under_load(
    mortal: Mortal,
    work: Workload,
    undecided: Undecided | None,
    ways: Sequence[Crash],
    figures: Figures | None = None,
) -> list[str]:
    """Crash the server in these ways, everybody at work, and check all at the end."""
    rng = work.rng
    with work.running():
        for way in ways:
            work.wait_for(rng.randint(10, 150))
            if undecided and rng.random() < 0.2:
                undecided.prepare()
            started = time.monotonic()
            way(mortal, rng)
            if figures:
                seconds = round(time.monotonic() - started, 2)
                figures.worst(crash_and_recovery_seconds=seconds)
            if undecided:
                undecided.decide(0.5)
        work.wait_for(10)
    if undecided:
        undecided.decide()
        work.kept, undecided.history = [*work.kept, *undecided.history], []
    return work.violations()


def test_an_acknowledged_append_survives_any_crash(
    major: int, rng: random.Random, figures: Figures
) -> None:
    ways = [WAYS[n % len(WAYS)] for n in range(ROUNDS)]
    rng.shuffle(ways)
    with durable_store(major) as mortal:
        work = Workload(mortal.store, rng)
        undecided = Undecided(mortal.store, rng)
        for n in range(0, ROUNDS, STRETCH):
            stretch = ways[n : n + STRETCH]
            assert crash_under_load(mortal, work, undecided, stretch, figures) == []
            print(n + len(stretch), "crashes:", work.outcomes(), work.others)
    figures.add(
        crashes_under_load=ROUNDS,
        acknowledged_events=work.events,
        acknowledged_events_lost=0,
        transactions_without_an_answer=work.unanswered(),
        prepared_transactions_decided_after_a_crash=len(work.kept),
    )


@pytest.mark.twin_of(1, name="synchronous_commit = off")
def test_an_acknowledgement_before_the_log_is_written_is_caught(
    major: int, rng: random.Random
) -> None:
    with durable_store(major, LAZY) as mortal:
        with mortal.store.db.connect(autocommit=True) as observer:
            observer.execute(f"alter role {LOGIN} set synchronous_commit = off")
        # A seal or a prepared transaction writes the log for all; a reader that has
        # seen what is lost is refused.
        work = Workload(mortal.store, rng, readers=0, workers=0, with_sealer=False)

        def check() -> list[str]:
            return crash_under_load(mortal, work, None, [kill_all])

        found = first_violations(check)
    assert any("lost append" in each for each in found)
