"""Append events from a file in batches, leaving out only the lines that are bad.

Safe to repeat at any point: every event has an id that the database remembers, so
a batch that was sent twice, or a file that is imported again, appends nothing new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pg_evident.access.ownership import connect
from pg_evident.intake.ndjson import Line, Refusal, batches, document

BATCH_SIZE = 500
# Seconds to wait before each new attempt after a lost connection.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)

# The contract's refusals, and the classes in which the data is at fault: case not
# found, cardinality, data exception, constraint, limits, and errors raised by a fold.
_REFUSALS = {"PT400", "PT403", "PT404", "PT409", "PT422"}
_DATA_CLASSES = {"20", "21", "22", "23", "54", "P0"}
_TRANSIENT_CLASSES = {"08", "40", "53"}
_TRANSIENT = {"55P03", "57P01", "57P02", "57P03"}

# Rows that this session has inserted. The difference within one transaction is
# what the call itself inserted, whatever other writers do at the same time; it
# needs no right to read the table and costs no look at it.
_INSERTED = """
select
    pg_catalog.pg_stat_get_xact_tuples_inserted('evident.event_store'::regclass)
"""


@dataclass
class Tally:
    """What an import did, in lines (events) and seconds."""

    appended: int = 0
    already_there: int = 0
    refused: int = 0
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def lines(self) -> int:
        """Return how many lines were dealt with."""
        return self.appended + self.already_there + self.refused

    @property
    def events_per_second(self) -> float:
        """Return the events that are in the store now, by second of this run."""
        done = self.appended + self.already_there
        return done / self.seconds if self.seconds else 0.0


def import_lines(
    dsn: str,
    lines: Iterable[Line | Refusal],
    *,
    refuse: Callable[[Refusal], object],
    note: Callable[[str], object] = lambda _text: None,
    batch_size: int = BATCH_SIZE,
    tally: Tally | None = None,
) -> Tally:
    """Append all lines that can be, one transaction per batch, and count.

    `refuse` gets each line that was left out, `note` each new attempt. `tally` is
    filled as batches commit, so it is right also when this is interrupted. Raises
    psycopg.Error for what is no line's fault, such as a missing privilege.
    """
    tally = tally or Tally()
    sender = _Sender(dsn, note)

    def reject(refusal: Refusal) -> None:
        tally.refused += 1
        refuse(refusal)

    def events() -> Iterator[Line]:
        for line in lines:
            if isinstance(line, Refusal):
                reject(line)
            else:
                yield line

    try:
        for batch in batches(events(), batch_size):
            for sent, outcome in sender.send(batch):
                if isinstance(outcome, Refusal):
                    reject(outcome)
                else:
                    tally.appended += outcome
                    tally.already_there += sent - outcome
    finally:
        tally.seconds = time.monotonic() - tally.started
        sender.close()
    return tally


class _Sender:
    """A connection that is opened again when it is lost."""

    def __init__(self, dsn: str, note: Callable[[str], object]) -> None:
        self._dsn = dsn
        self._note = note
        self._connection = self._connect()

    def close(self) -> None:
        self._connection.close()

    def send(self, batch: list[Line]) -> Iterator[tuple[int, int | Refusal]]:
        """Append a batch; yield (events sent, events new) or (1, why refused)."""
        try:
            yield len(batch), self._append(document(batch))
            return
        except psycopg.Error as error:
            if not _is_refusal(error):
                raise
            if len(batch) == 1:
                yield 1, _refusal(batch[0], error)
                return
        # Halves, so that only the lines at fault are left out. A half may need more
        # than one document: its first event of an aggregate may name no version.
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            for part in batches(half, len(half)):
                yield from self.send(part)

    def _append(self, text: str) -> int:
        """Append one document in a transaction; return how many rows are new."""
        for attempt, pause in enumerate((*PAUSES, None), start=1):
            try:
                if self._connection.closed:
                    self._connection = self._connect()
                return _append(self._connection, text)
            except psycopg.Error as error:
                if pause is None or not _is_transient(error):
                    raise
                # A commit whose answer was lost is no danger: sent again, its events
                # count as already there.
                reason = str(error).strip().splitlines()[0]
                self._note(f"{reason}: attempt {attempt + 1} in {pause} s")
                if error.sqlstate is None or self._connection.broken:
                    self._connection.close()
                time.sleep(pause)
        raise AssertionError("the last attempt raises")

    def _connect(self) -> psycopg.Connection[Any]:
        connection = connect(self._dsn, autocommit=True)
        row = connection.execute("show track_counts").fetchone()
        if row and row[0] == "off":
            self._note("track_counts is off: all events will count as already there")
        return connection


def _append(connection: psycopg.Connection[Any], text: str) -> int:
    with connection.transaction():
        before = _inserted(connection)
        connection.execute(
            "select pg_catalog.count(*) from evident.append_batch(%s::jsonb)", [text]
        )
        return _inserted(connection) - before


def _inserted(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(_INSERTED).fetchone()
    return int(row[0]) if row else 0


def _is_refusal(error: psycopg.Error) -> bool:
    state = error.sqlstate or ""
    return state in _REFUSALS or state[:2] in _DATA_CLASSES


def _is_transient(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate in _TRANSIENT or error.sqlstate[:2] in _TRANSIENT_CLASSES


def _refusal(line: Line, error: psycopg.Error) -> Refusal:
    reason = error.diag.message_primary or str(error)
    if error.diag.message_detail and error.sqlstate not in _REFUSALS:
        reason = f"{reason} ({error.diag.message_detail})"
    return Refusal(line.number, reason, error.diag.message_hint, error.sqlstate)
