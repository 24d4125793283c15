"""Whether the store still has the events that a relay's file has.

After a restore or a failover that lost history, ids are given again: new events with
positions that the file seems to have would be left out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import psycopg

from pg_evident.failure import Failure
from pg_evident.relay.file import RelayFile

_BATCH = 10_000
_KNOWN = """
    select e.id, e.event_id::text
    from evident.event_store as e
    where e.id = any (%s)
"""


def require_events(
    connection: psycopg.Connection[Any],
    confirmed: Mapping[int, int],
    file: RelayFile,
) -> None:
    """Raise Failure when the file has events that the store does not have.

    `confirmed` are the store's positions by partition. A confirmation is younger than
    its events, so whatever history lost is above the positions that it kept.
    """
    lost: list[int] = []
    written = file.unconfirmed(confirmed)
    while batch := dict(islice(written, _BATCH)):
        rows = connection.execute(_KNOWN, [list(batch)]).fetchall()
        lost += [position for position, _ in batch.items() - rows]
    if lost:
        events = "1 event" if len(lost) == 1 else f"{len(lost):,} events"
        raise Failure(
            f"{file.path} has {events} that the store does not have, the first at"
            f" position {min(lost)}",
            "the store was set back to an earlier state, or is another one: keep the"
            " file, its end tells what was lost, and name another one",
        )
