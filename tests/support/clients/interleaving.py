"""Sessions whose statements interleave in a given order, blocked ones included."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from support.clients.calls import (
    Connection,
    Entry,
    Outcome,
    call,
    events_of,
    function_for,
)
from support.clients.feed_readers import Reader
from support.clients.operations import Operation
from support.clients.waiting import Background

AGGREGATES = 3
# How to name a version: the one that is committed, any, one that exists, none.
MODES: list[str | int | None] = ["seen", "seen", None, None, -1, 0]


@dataclass(frozen=True)
class Step:
    """One session's next statement; skipped while the session is blocked."""

    session: int
    action: str
    # For an append: (aggregate, how its version is named, number of events) each.
    entries: tuple[tuple[int, str | int | None, int], ...] = ()
    # For a repetition: which of the earlier requests.
    number: int = 0


@dataclass
class Session:
    connection: Connection
    task: Background[Outcome] | None = None
    # The request that the task sends.
    request: str = ""
    # What the open transaction has appended, None without a transaction.
    open: list[tuple[str, Outcome]] | None = None
    is_failed: bool = False
    calls: int = 0


@dataclass
class Interleaving:
    """Runs steps and keeps what every request came to."""

    sessions: list[Session]
    observer: Connection
    reader: Reader
    tag: str = field(default_factory=lambda: str(uuid.uuid4()))
    aggregates: list[uuid.UUID] = field(
        default_factory=lambda: [uuid.uuid4() for _ in range(AGGREGATES)]
    )
    requests: dict[str, Operation] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def run(self, steps: Sequence[Step]) -> None:
        """Run the steps, then end every transaction, reading the feed all along."""
        for step in steps:
            self.step(step)
            self.reader.read_page(self.observer, 10)
        while any(each.open is not None for each in self.sessions):
            for number, session in enumerate(self.sessions):
                if session.open is not None:
                    self.step(Step(number, "commit" if number else "rollback"))
        while self.reader.read_page(self.observer, 10):
            pass

    def step(self, step: Step) -> None:
        session = self.sessions[step.session]
        if session.task is None:
            if step.action in ("append", "repeat"):
                self.start(session, step)
            else:
                self.control(session, step.action)
        self.settle()

    def settle(self) -> None:
        """Wait until each session is through, or blocked by one that is idle."""
        deadline = time.monotonic() + 30
        while busy := [each for each in self.sessions if each.task is not None]:
            for session in busy:
                if session.task is not None and session.task.is_done():
                    self.finish(session, session.task.result())
                    session.task = None
            busy = [each for each in busy if each.task is not None]
            waits = blockers(self.observer, busy)
            if all(is_held(pid, waits, set()) for pid in waits):
                return
            if time.monotonic() > deadline:
                raise TimeoutError("neither done nor blocked")

    def start(self, session: Session, step: Step) -> None:
        """Start an append in the background, for it may block."""
        if session.is_failed:
            return
        operation = self.request(step)
        self.attempts[operation.name] = self.attempts.get(operation.name, 0) + 1
        session.calls += 1
        session.request = operation.name
        function = function_for(operation.entries)
        session.task = Background(
            lambda: call(session.connection, function, operation.entries)
        )

    def request(self, step: Step) -> Operation:
        names = list(self.requests)
        if step.action == "repeat" and names:
            return self.requests[names[step.number % len(names)]]
        name = f"{self.tag} {len(names)}"
        entries = tuple(self.entry(name, *each) for each in step.entries)
        self.requests[name] = Operation(name, entries, invoked=time.monotonic())
        return self.requests[name]

    def entry(
        self, name: str, aggregate: int, mode: str | int | None, count: int
    ) -> Entry:
        chosen = self.aggregates[aggregate]
        events = events_of(name, count, with_ids=True)
        if isinstance(mode, str):
            row = self.observer.execute(
                "select evident.aggregate_version(%s)", [chosen]
            ).fetchone()
            assert row is not None
            return Entry(chosen, row[0], events)
        return Entry(chosen, mode if events else 0, events)

    def finish(self, session: Session, outcome: Outcome) -> None:
        """Take an answer; it stands once its transaction is committed."""
        if session.open is not None and outcome.is_acknowledged:
            session.open.append((session.request, outcome))
            return
        session.is_failed = session.open is not None
        self.take(session.request, outcome)
        if session.open is None:
            session.calls = 0

    def control(self, session: Session, action: str) -> None:
        """Begin a transaction, or end or undo part of it; these never block."""
        if session.open is None:
            session.connection.execute("begin")
            session.open = []
        elif action == "savepoint" and not session.is_failed:
            session.connection.execute("savepoint here")
            session.open.append(("savepoint", Outcome()))
        elif action == "undo" and ("savepoint", Outcome()) in session.open:
            session.connection.execute("rollback to savepoint here")
            while session.open[-1][0] != "savepoint":
                session.open.pop()
            session.is_failed = False
        elif action in ("commit", "rollback"):
            session.connection.execute(action)
            if action == "commit" and not session.is_failed:
                for name, outcome in session.open:
                    self.take(name, outcome)
            session.open, session.is_failed, session.calls = None, False, 0

    def take(self, name: str, outcome: Outcome) -> None:
        """Note an answer that stands; the first of several must be the same."""
        if name == "savepoint":
            return
        operation = self.requests[name]
        if outcome.sqlstate == "40P01" and all(s.calls < 2 for s in self.sessions):
            self.found.append(f"{name}: deadlock between single calls")
        known = operation.outcome
        if known is not None and known.is_acknowledged:
            if outcome.is_acknowledged and outcome.versions != known.versions:
                self.found.append(f"{name}: {known.versions}, then {outcome.versions}")
            return
        operation.outcome = outcome
        if self.attempts[name] == 1:
            operation.returned = time.monotonic()

    def operations(self) -> list[Operation]:
        """Give the requests; those that were rolled back count as unanswered."""
        for operation in self.requests.values():
            if self.attempts[operation.name] > 1:
                operation.returned = None
        return list(self.requests.values())


def blockers(observer: Connection, busy: Sequence[Session]) -> dict[int, list[int]]:
    """Ask for whom each session waits; it runs when that is nobody."""
    rows = observer.execute(
        "select u.pid, pg_blocking_pids(u.pid) from unnest(%s::integer[]) as u (pid)",
        [[each.connection.info.backend_pid for each in busy]],
    )
    return dict(rows.fetchall())


def is_held(pid: int, waits: dict[int, list[int]], seen: set[int]) -> bool:
    """Say whether a wait leads to an idle session, not just round in a deadlock."""
    if pid not in waits:
        return True
    if pid in seen:
        return False
    return any(is_held(each, waits, seen | {pid}) for each in waits[pid])
