"""What a worker says: a line now and then while it folds, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg

from pg_evident.access.denials import hint_of
from pg_evident.verifier.text import plain

# Seconds between two lines about progress.
EVERY = 10.0
# So many events behind that a worker says when it has caught up.
FAR = 1000


@dataclass(frozen=True)
class Row:
    """One projection as the worker sees it."""

    name: str
    is_stale: bool
    events_behind: int
    failures: int
    last_error: str | None
    is_done: bool


@dataclass
class WorkerLog:
    """Counts what was folded, and remembers what was said."""

    report: Callable[[str], None]
    _total: int = 0
    _rows: dict[str, Row] | None = None
    _lost: str | None = None
    _is_far_behind: bool = False
    _batch: int = 0
    _sealed: int = 0
    _sealed_batch: int = 0
    _since: float = field(default_factory=time.monotonic)

    def _say(self, text: str) -> None:
        """Report one line, whatever an error or a name has in it."""
        self.report(plain(text))

    def folded(self, count: int) -> None:
        self._total += count
        self._batch += count

    def sealed(self, count: int) -> None:
        self._sealed += count
        self._sealed_batch += count

    def looked(self, rows: Sequence[Row]) -> None:
        """Say what has changed since the last look, and how the folding goes."""
        before, self._rows = self._rows, {row.name: row for row in rows}
        if before is None:
            self._say(f"{_count(len(rows), 'projection')}, {_behind(rows)}")
        for row in rows:
            known = (before or {}).get(row.name)
            if before is not None and known is None:
                self._say(f"{row.name}: new, {_behind([row])}")
            if row.is_stale and not (known and known.is_stale):
                self._say(
                    f"{row.name}: its fold has changed: evident rebuild {row.name}"
                )
            if row.failures != (known.failures if known else 0):
                self._say(
                    f"{row.name}: {_count(row.failures, 'key')} parked"
                    + (f"; {row.last_error}" if row.failures else "")
                )
        for name in sorted((before or {}).keys() - self._rows.keys()):
            self._say(f"{name}: gone")
        behind = sum(row.events_behind for row in rows)
        has_caught_up = self._is_far_behind and not behind
        if has_caught_up or time.monotonic() - self._since >= EVERY:
            self.progress()
        self._is_far_behind = behind >= FAR or (self._is_far_behind and behind > 0)

    def progress(self) -> None:
        """Say how much was folded and sealed since the last time, if anything was."""
        seconds = max(time.monotonic() - self._since, 0.001)
        if self._batch:
            rows = list((self._rows or {}).values())
            parked = sum(row.failures for row in rows)
            self._say(
                f"{_count(self._batch, 'event')} folded in {seconds:.1f} s"
                f" ({self._batch / seconds:,.0f}/s), {_behind(rows)},"
                f" {_count(parked, 'key')} parked"
            )
        if self._sealed_batch:
            self._say(f"{_count(self._sealed_batch, 'event')} sealed")
        self._batch = self._sealed_batch = 0
        self._since = time.monotonic()

    def fold_failed(
        self, name: str, error: psycopg.Error, seconds: float, less: int | None
    ) -> None:
        """Say why, whom it waits for, and with how many events it is tried again."""
        self._say(f"{_text(error, name)}{_hint(error)}; {_again(seconds, less)}")

    def seal_failed(
        self, error: psycopg.Error, seconds: float, less: int | None
    ) -> None:
        advice = ""
        if error.sqlstate == "PT500":
            advice = (
                "; nothing is sealed until that is cleared up: see"
                " evident.verify_ledger() and evident verify"
            )
        self._say(f"{_text(error, 'seal')}{advice}; {_again(seconds, less)}")

    def restored(self, name: str, limit: int) -> None:
        """Say that a limit is not met any more."""
        self._say(f"{name}: {_count(limit, 'event')} at once again")

    def never_seals(self, error: psycopg.Error) -> None:
        self.report(f"{_text(error, 'seal')}{_hint(error)}; nothing is sealed")

    def trouble(self, error: psycopg.Error, seconds: float) -> None:
        self._say(f"{_text(error)}{_hint(error)}; again in {seconds:.0f} s")

    def disconnected(self, error: psycopg.Error) -> None:
        """Say so once, and again when the reason is another one."""
        text = _text(error)
        if text != self._lost:
            self._say(f"no connection: {text}")
        self._lost = text

    def connected(self) -> None:
        if self._lost is not None:
            self._say("connected again")
        self._lost = None

    def ended(self, word: str) -> None:
        """Say how much was folded and sealed in all, as the last line."""
        self._say(
            f"{word}: {_count(self._total, 'event')} folded, {self._sealed:,} sealed"
        )


def _behind(rows: Sequence[Row]) -> str:
    behind = sum(row.events_behind for row in rows)
    return f"{_count(behind, 'event')} behind"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _again(seconds: float, less: int | None) -> str:
    when = f"again in {seconds:.0f} s" if seconds else "again at once"
    return when if less is None else f"{when}, {_count(less, 'event')} at most"


def _text(error: psycopg.Error, name: str | None = None) -> str:
    message = error.diag.message_primary or str(error).strip().splitlines()[-1]
    state = f"{error.sqlstate} " if error.sqlstate else ""
    own = name is None or message.startswith(f"projection {name}")
    return f"{state}{message}" if own else f"{name}: {state}{message}"


def _hint(error: psycopg.Error) -> str:
    hint = hint_of(error)
    return f"; {hint}" if hint else ""
