"""What a relay asks of the store. Each call is a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pg_evident.failure import Failure

Connection = psycopg.Connection[Any]

# A claim is a commit behind those of its events: what it gives is on the disk.
_SETTINGS = """
    select
        pg_catalog.set_config('timezone', 'UTC', true),
        pg_catalog.set_config('synchronous_commit', 'on', true)
"""
_CREATE = "select evident.create_consumer(%s, %s, null, %s)"
# Lines come as bytes: as text of Python they would take up to four times the room.
_CLAIM = """
    select c.partition, c.epoch, c.attempts, c.retried_after, c.aggregate_id::text,
        c.id, pg_catalog.convert_to(
            pg_catalog.concat(pg_catalog.row_to_json(r)::text, e'\\n'), 'UTF8'::name
        )
    from evident.claim_events(
        %s, %s, %s, pg_catalog.make_interval(secs => %s)
    ) as c
    cross join lateral (
        select
            c.id as position,
            c.partition,
            %s::integer as partitions,
            c.aggregate_id,
            c.version,
            c.event_type,
            c.payload,
            c.metadata,
            c.event_id,
            c.occurred_at,
            c.recorded_by
    ) as r
    order by c.id
"""
_CLAIM_BARE = """
    select c.partition, c.epoch, c.attempts, c.retried_after, c.aggregate_id::text,
        c.id, null::bytea
    from evident.claim_events(
        %s, %s, 1, pg_catalog.make_interval(secs => %s)
    ) as c
"""
_CONFIRM = "select evident.confirm_events(%s, %s, %s, %s)"
_RELEASE = "select evident.release_events(%s, %s, %s, %s)"
_PARK = "select evident.park_event(%s, %s, %s, %s, %s)"
_STATUS = """
    select s.partition, s.epoch, s.worker, s.position
    from evident.consumer_status as s
    where s.consumer = %s
    order by s.partition
"""
_RETRIED = """
    select w.partition, w.aggregate_id::text, w.retried_after
    from evident.consumer_parked as w
    where w.consumer = %s and w.retried_after is not null
"""


@dataclass(frozen=True)
class Relay:
    """What to forward, and how much at once.

    `begin` is where a new consumer begins, as create_consumer takes it. After
    `park_after` failed attempts at one event alone it is parked; None: never.
    """

    consumer: str
    worker: str
    limit: int
    lease: float
    partitions: int | None
    begin: str | None = None
    park_after: int | None = None
    listens: bool = False


@dataclass(frozen=True)
class Event:
    """A claimed event, and its line with the end; None when it was not asked for."""

    aggregate: str
    position: int
    line: bytes | None


@dataclass(frozen=True)
class Claim:
    """What one call of claim_events gave; see there."""

    partition: int
    epoch: int
    attempts: int
    retried_after: int | None
    events: Sequence[Event]


def create(connection: Connection, relay: Relay) -> None:
    """Make the consumer, unless it is there."""
    connection.execute(_CREATE, [relay.consumer, relay.partitions, relay.begin])


def claim(
    connection: Connection, relay: Relay, partitions: int, limit: int
) -> Claim | None:
    """Claim at most `limit` events with their lines; None when there is none."""
    return _claim(
        connection,
        _CLAIM,
        [relay.consumer, relay.worker, limit, relay.lease, partitions],
    )


def claim_bare(connection: Connection, relay: Relay) -> Claim | None:
    """Claim one event without its line, which the server may be unable to write."""
    return _claim(connection, _CLAIM_BARE, [relay.consumer, relay.worker, relay.lease])


def confirm(connection: Connection, relay: Relay, given: Claim, position: int) -> None:
    """Confirm up to an event; PT423 when the partition is another worker's now."""
    connection.execute(
        _CONFIRM, [relay.consumer, given.partition, given.epoch, position]
    )


def release(
    connection: Connection, relay: Relay, given: Claim, *, failed: bool
) -> None:
    """Give a claim back, counted as an attempt only when it `failed`."""
    connection.execute(_RELEASE, [relay.consumer, given.partition, given.epoch, failed])


def park(
    connection: Connection, relay: Relay, given: Claim, position: int, reason: str
) -> None:
    """Set an event of the claim aside, with its aggregate behind it."""
    connection.execute(
        _PARK, [relay.consumer, given.partition, given.epoch, position, reason]
    )


def status(
    connection: Connection, consumer: str
) -> list[tuple[int, int, str | None, int]]:
    """Give (partition, epoch, worker, position) of each partition, or raise Failure."""
    rows = connection.execute(_STATUS, [consumer]).fetchall()
    if not rows:
        raise Failure(
            f"there is no consumer {consumer}",
            "name its number of partitions, --partitions 1, and it is made",
        )
    return rows


def positions(connection: Connection, relay: Relay) -> dict[int, int]:
    """Give the position of each partition, up to which all is confirmed."""
    return {row[0]: row[3] for row in status(connection, relay.consumer)}


def retried(connection: Connection, relay: Relay) -> list[tuple[int, str, int]]:
    """Give (partition, aggregate, retried_after) of what comes again by and by."""
    return connection.execute(_RETRIED, [relay.consumer]).fetchall()


def release_own(connection: Connection, relay: Relay) -> None:
    """Take back the lease that a killed run under this name has left.

    Nobody else has it: the name is the file's, and the file is locked.
    """
    for partition, epoch, worker, _ in status(connection, relay.consumer):
        if worker == relay.worker:
            connection.execute(_RELEASE, [relay.consumer, partition, epoch, True])


def _claim(
    connection: Connection, query: str, parameters: Sequence[object]
) -> Claim | None:
    with connection.transaction():
        connection.execute(_SETTINGS)
        rows = connection.execute(query.encode(), parameters, binary=True).fetchall()
    if not rows:
        return None
    partition, epoch, attempts, retried_after = rows[0][:4]
    events = [Event(*row[4:]) for row in rows]
    return Claim(partition, epoch, attempts, retried_after, events)
