"""One step of a relay: claim, write, confirm; and what becomes of an event that fails.

What fails is found where it can be known: the server cannot write the line, or the line
is longer than the file's reader takes. Everything else ends the process, and then only
the count of claims tells: from the second claim on that begins with the same event,
events go one by one, so an event that was claimed alone as often as is allowed, and
never got through, is what it fails at. A full disk or a closed pipe is no event's
fault: the claim is given back uncounted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg

from pg_evident.database import is_lost
from pg_evident.relay import claims
from pg_evident.relay.claims import Claim, Connection, Event, Relay
from pg_evident.relay.file import LONGEST_LINE, RelayFile, line_of
from pg_evident.relay.loss import require_events
from pg_evident.showing import said
from pg_evident.steps.limits import Size
from pg_evident.verifier.text import plain_json

# Of the event or of its size: a smaller claim may do. Cancelled is one of them.
_PASSING = ("22", "54", "57014")


@dataclass
class Run:
    """What a relay remembers, over reconnections too."""

    relay: Relay
    report: Callable[[str], None]
    file: RelayFile | None = None
    partitions: int = 0
    forwarded: int = 0
    # Events in the next claim.
    size: Size = field(init=False)

    def __post_init__(self) -> None:
        self.size = Size(self.relay.limit, self.relay.limit)


def step(connection: Connection, run: Run) -> bool:
    """Claim and forward; false when there was nothing."""
    given = _claim(connection, run)
    if given is None:
        return False
    try:
        _deal_with(connection, run, given)
    except OSError:
        claims.release(connection, run.relay, given, failed=False)
        raise
    except psycopg.Error as error:
        if error.sqlstate != "PT423":
            raise
        run.report(f"partition {given.partition} took longer than its lease; going on")
    return True


def _claim(connection: Connection, run: Run) -> Claim | None:
    """Claim events; of one whose line the server cannot write, only what it is."""
    while True:
        try:
            given = claims.claim(connection, run.relay, run.partitions, run.size.limit)
        except psycopg.Error as error:
            code = error.sqlstate or ""
            if is_lost(connection, error) or not code.startswith(_PASSING):
                raise
            if run.size.limit > 1:
                run.size.halve()
                run.report(
                    f"claims of {run.size.limit} events from here on: {said(error)}"
                )
                continue
            given = _claim_bare(connection, run, error)
        else:
            run.size.succeed()
        return given


def _claim_bare(connection: Connection, run: Run, error: psycopg.Error) -> Claim | None:
    """Park the one event whose line fails, or try it again, or give up."""
    given = claims.claim_bare(connection, run.relay)
    if given is None:
        return None
    if run.relay.park_after is None or error.sqlstate == "57014":
        claims.release(connection, run.relay, given, failed=True)
        raise error
    if given.attempts >= run.relay.park_after:
        _park(connection, run, given, given.events[0], said(error), set())
        claims.confirm(connection, run.relay, given, given.events[0].position)
    else:
        claims.release(connection, run.relay, given, failed=True)
    return Claim(given.partition, given.epoch, 1, None, [])


def _deal_with(connection: Connection, run: Run, given: Claim) -> None:
    events = list(given.events)
    if not events:
        return
    if (
        run.file is not None
        and given.retried_after is None
        and events[0].position <= run.file.last.get(given.partition, 0)
    ):
        # Behind a pooler the server can be another one, and this still run.
        require_events(connection, claims.positions(connection, run.relay), run.file)
    if run.relay.park_after is None:
        _write(run, given, events)
    else:
        _try(connection, run, given, events, run.relay.park_after)
    claims.confirm(connection, run.relay, given, events[-1].position)


def _try(
    connection: Connection,
    run: Run,
    given: Claim,
    events: Sequence[Event],
    park_after: int,
) -> None:
    """Write what can be written, and park what cannot, with what waits behind it."""
    head = events[0]
    parked: set[str] = set()
    if given.attempts > park_after + 1 and not (run.file and run.file.has(given, head)):
        reason = f"claimed {given.attempts - 1} times and never confirmed"
        _park(connection, run, given, head, reason, parked)
    good = []
    for each in events:
        if each.aggregate in parked:
            continue
        if run.file is not None and len(each.line or b"") > LONGEST_LINE:
            reason = f"its line of {len(each.line or b''):,} bytes is too long"
            _park(connection, run, given, each, reason, parked)
        elif given.attempts > 1:
            _write(run, given, [each])
            claims.confirm(connection, run.relay, given, each.position)
        else:
            good.append(each)
    _write(run, given, good)


def _write(run: Run, given: Claim, events: Sequence[Event]) -> None:
    if run.file is not None:
        run.forwarded += run.file.append(given, events)
        return
    for each in events:
        line = line_of(given, each)
        sys.stdout.write(f"{plain_json(line[:-1].decode())}\n")
    sys.stdout.flush()
    run.forwarded += len(events)


def _park(
    connection: Connection,
    run: Run,
    given: Claim,
    event: Event,
    reason: str,
    parked: set[str],
) -> None:
    claims.park(connection, run.relay, given, event.position, reason)
    parked.add(event.aggregate)
    run.report(
        f"parked event {event.position} of aggregate {event.aggregate}: {reason}"
    )
