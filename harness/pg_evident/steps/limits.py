"""How long one step may take and wait for locks, and how much it does at once.

A step that was ended by a limit, its own or one of its role's, is tried again with half
as much to do, down to one: somewhere it gets through, whatever the limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# Seconds. What others have locked is theirs: a step comes back for it later.
LOCK = 1.0
STATEMENT = 30.0
# Full batches in a row after which one that had become smaller grows.
STEADY = 8

_LIMIT = """
    select pg_catalog.set_config(l.name, l.longest::text, true)
    from (
        values ('lock_timeout', %s::bigint), ('statement_timeout', %s::bigint)
    ) as l (name, longest)
    where
        l.longest > 0
        and pg_catalog.current_setting(l.name)::interval
        not between '1 ms' and l.longest * interval '1 ms'
"""


def limit(
    connection: Connection, *, lock: float = LOCK, statement: float = STATEMENT
) -> None:
    """Limit what follows in this transaction, in seconds; 0 leaves it unlimited.

    A lower limit of the role's stands.
    """
    connection.execute(_LIMIT, [round(lock * 1000), round(statement * 1000)])


def is_lock(error: psycopg.Error) -> bool:
    """Say whether a lock was not to be had."""
    return error.sqlstate == "55P03"


def is_too_much(error: psycopg.Error) -> bool:
    """Say whether less at once may succeed: cancelled, or out of some resource."""
    state = error.sqlstate or ""
    return state == "57014" or state.startswith(("53", "54"))


@dataclass
class Size:
    """How much is done at once: half after a failure, more while all goes well."""

    limit: int
    largest: int
    # What it was before it became smaller by a limit, 0 when it did not.
    before: int = 0
    _steady: int = field(default=0, repr=False)

    def halve(self, is_limited: bool = False) -> None:
        """Take half; `is_limited`: and grow slowly, since the limit is still there."""
        if is_limited:
            self.before = self.before or self.limit
            self._steady = STEADY
        self.limit = max(self.limit // 2, 1)

    def succeed(self) -> bool:
        """Grow after a full batch that was quick; say if it is what it was again."""
        if self._steady:
            self._steady -= 1
            return False
        self.limit = min(self.limit * 2, self.largest)
        if not 0 < self.before <= self.limit:
            return False
        self.before = 0
        return True
