"""Seal new events into the ledger, call after call, until nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from pg_evident.showing import said
from pg_evident.steps.lasting import Lasting
from pg_evident.steps.limits import Size, is_too_much

# Events in one call: about a quarter of a second, which the worker's folds wait for.
LIMIT = 50_000
# Seconds until the next look, when another session is sealing.
_PAUSE = 0.2

SEAL = "select evident.seal(%s)"
_POSITION = "select evident.safe_position()"
# What a sealer has left over, up to a position.
IS_LEFT = """
    select exists (
        select
        from evident.event_store as e
        where
            e.id > (
                select h.last_event_id
                from evident.tree_head as h
                order by h.number desc
                limit 1
            )
            and e.id <= %s
    )
"""
_UNSEALED = "select s.unsealed_events from evident.ledger_status as s"
_HEAD = """
    select h.tree_size, h.root_hash
    from evident.tree_head as h
    order by h.number desc
    limit 1
"""


@dataclass(frozen=True)
class Sealed:
    """How many events are sealed more; the tree's size in leaves, its 32-byte root."""

    events: int
    size: int
    root: bytes


def run(
    dsn: str,
    limit: int,
    *,
    begin: Callable[[int, int], None],
    advance: Callable[[int], None],
    report: Callable[[str], None] = lambda _: None,
) -> Sealed:
    """Seal what is there, at most `limit` events in one transaction.

    Half as many where that was cancelled, by a timeout such as the role's, and more
    again later. A lost connection is made again. `begin` hears how many events there
    are to seal and 0, `advance` how many more are, `report` what happens. Returns when
    all of them are sealed, by whomever. Raises psycopg.Error.
    """
    with Lasting(dsn, "evident seal", report) as connection:
        begin(connection.row(_UNSEALED)[0], 0)
        before = connection.row(_HEAD)
        size = Size(limit, limit)
        # The first seal may append an event of its own, about the guards.
        for _ in range(2):
            (position,) = connection.row(_POSITION)
            while True:
                count = _seal(connection, size, report)
                advance(count)
                if not connection.row(IS_LEFT, [position])[0]:
                    break
                if not count:
                    time.sleep(_PAUSE)
        after = connection.row(_HEAD)
    # By the tree: a call whose answer was lost with its connection may have sealed.
    return Sealed(after[0] - before[0], *after)


def _seal(connection: Lasting, size: Size, report: Callable[[str], None]) -> int:
    """Seal once; less and less where it is too much, down to one event."""
    while True:
        asked = size.limit
        try:
            count = int(connection.row(SEAL, [asked])[0])
        except psycopg.Error as error:
            if asked == 1 or not is_too_much(error) or connection.is_lost(error):
                raise
            size.halve(is_limited=True)
            report(f"{said(error)}; again, {size.limit:,} events at most")
            continue
        if count >= asked:
            size.succeed()
        return count
