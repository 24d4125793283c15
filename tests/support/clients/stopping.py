"""One call, stopped at each of its statements in turn."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from support.checkers.whole import Effect, difference, digest, effect, newest
from support.clients.calls import Connection
from support.clients.interrupts import ADVISORY
from support.clients.stepped_calls import Call, Step
from support.clients.store import Store
from support.clients.trap import GONE, REACHED, Trap, outcome
from support.clients.waiting import is_true, wait_for

# How a call is stopped, and how it then ends. The errors are ones that a handler in
# PL/pgSQL catches, unlike a cancel.
ENDS = {"kill": "57P01", "cancel": "57014", "40P01": "40P01", "53200": "53200"}
# After every so many stops the call is made again. In between it is seen that all is
# as before, of which that follows.
AGAIN = 5
# What went wrong with the own events, and what the next seal does about it.
TOLD = "select s.attestation_sqlstate from evident.ledger_state as s"
ATTEST = "select evident._attest()"


@dataclass
class Stopped:
    """How often calls were stopped in which way, of how many statements reached."""

    ways: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    # Errors that undid nothing, of which the store tells.
    told: int = 0
    found: list[str] = field(default_factory=list)


@dataclass
class Stopper:
    """Stops calls in one store at every so many of their statements."""

    store: Store
    trap: Trap
    rng: random.Random
    # Of all places, every so many.
    every: int
    # As a superuser, who may look into every table while a call is not committed.
    second: Connection
    done: Stopped = field(default_factory=Stopped)

    def run(self, steps: list[Step]) -> Stopped:
        """Stop each call, then let it pass, until something is wrong with one."""
        for step in steps:
            step.prepare(self.trap.observer)
            self.trap.extend()
            self.done.found += [f"{step.name}: {each}" for each in self._stop(step)]
            if self.done.found:
                break
        return self.done

    def _stop(self, step: Step) -> Iterator[str]:
        observer = self.trap.observer
        job = Job(step.call(observer), newest(observer), digest(observer))
        reached = self._reached(job)
        self._make(job)
        self.done.hits += len(reached)
        for at, how in self._places(reached):
            self.done.ways[how] += 1
            # Errors are called what they are; what ends a session is not one.
            may_pass = step.is_attesting and ENDS[how] == how
            stop = self._let_fail if may_pass else self._stop_once
            if found := list(stop(job, at, how)):
                yield from found
                return
        yield from self._let_pass(step, job)

    def _places(self, reached: list[int]) -> list[tuple[int, str]]:
        """Choose where to stop, and how.

        Each statement is killed where it is reached first, and one in three ends in
        another way where it is reached last; of these, every so many are chosen.
        """
        first = {each: at for at, each in reversed(list(enumerate(reached, 1)))}
        last = {each: at for at, each in enumerate(reached, 1)}
        others = [how for how in ENDS if how != "kill"]
        self.rng.shuffle(others)
        places = [
            *((at, "kill") for at in first.values()),
            *zip(
                list(last.values())[self.rng.randrange(3) :: 3],
                itertools.cycle(others),
                strict=False,
            ),
        ]
        return sorted(places)[
            self.rng.randrange(min(self.every, len(places))) :: self.every
        ]

    def _let_pass(self, step: Step, job: Job) -> Iterator[str]:
        with self.store.connect() as connection:
            state, _ = outcome(connection, job.call)
        if state is not None:
            yield f"refused with {state} in the end"
        if step.is_reading and digest(self.trap.observer) != job.before:
            yield "changed something"
        if (after := effect(self.trap.observer, job.since)) != job.whole:
            yield f"in the end another effect: {difference(after, job.whole)}"

    def _let_fail(self, job: Job, at: int, how: str) -> Iterator[str]:
        """Let a statement fail; the call is undone, or told of and made good later."""
        where, told = f"{how} at statement {at}", list[str]()

        def listen(notice: psycopg.errors.Diagnostic) -> None:
            told.append(str(notice.sqlstate))

        # A new session, for plans that are kept have fewer statements to reach.
        with contextlib.closing(self.store.db.connect()) as connection:
            connection.add_notice_handler(listen)
            self.trap.arm(connection, at, how)
            connection.commit()
            state, _ = outcome(connection, job.call)
            if self.trap.hits() < at:
                yield f"{where}: never came there, ended with {state}"
            elif state is None:
                self.done.told += 1
                told += [str(row[0]) for row in connection.execute(TOLD)]
                if how not in told:
                    yield f"{where}: was answered, and nobody is told"
                connection.execute(ATTEST)
                if (after := effect(connection, job.since)) != job.whole:
                    yield f"{where}: later {difference(after, job.whole)}"
            elif state != how:
                yield f"{where}: ended with {state}"
            connection.rollback()
        if digest(self.trap.observer) != job.before:
            yield f"{where}: something was left half-done"

    def _stop_once(self, job: Job, at: int, how: str) -> Iterator[str]:
        """Stop the call at one statement; somebody else can make it after that."""
        where, observer = f"{how} at statement {at}", self.trap.observer
        connection = self.trap.session(self.store, at, how)
        pid = connection.info.backend_pid
        state, _ = outcome(connection, job.call)
        if self.trap.hits() < at:
            yield f"{where}: never came there, ended with {state}"
            return
        if how == "kill":
            wait_for(observer, GONE, pid)
        elif is_true(observer, ADVISORY, pid):
            yield f"{where}: locks are left"
        connection.close()
        if state != ENDS[how]:
            yield f"{where}: {f'ended with {state}' if state else 'was answered'}"
        if digest(observer) != job.before:
            yield f"{where}: something was left half-done"
            return
        if self.done.ways.total() % AGAIN == 0:
            before, after = job.whole, self._make(job)
            if after != before:
                yield f"{where}: the same call then gives {difference(after, before)}"

    def _reached(self, job: Job) -> list[int]:
        """Give the statements that the call reaches in a session of its own."""
        reached: list[int] = []

        def listen(notice: psycopg.errors.Diagnostic) -> None:
            if notice.sqlstate == REACHED:
                reached.append(int(str(notice.message_primary)))

        with contextlib.closing(self.trap.session(self.store, 0, "")) as connection:
            connection.add_notice_handler(listen)
            with connection.transaction(force_rollback=True):
                connection.execute(*job.call)
        return reached

    def _make(self, job: Job) -> Effect:
        """Make the call in a transaction that is taken back; give its effect."""
        with self.second.transaction(force_rollback=True):
            self.second.execute(*job.call)
            after = effect(self.second, job.since)
        job.whole = job.whole or after
        return after


@dataclass
class Job:
    """A call, what was there before it, and its whole effect."""

    call: Call
    # The newest row of each table that only grows.
    since: dict[str, int]
    before: Effect
    whole: Effect = field(default_factory=list)
