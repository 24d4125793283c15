"""The calls that are stopped at every statement, in an order that gives all work."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from support.clients.calls import Connection, Entry, Event, append_events
from support.clients.every_call import BATCH, CLAIM, CREATE, EVENT, MANY, RETRY, SKIP
from support.clients.projection_steps import ONE, PAUSE, RESUME, TWO, added
from support.clients.projection_work import REBUILD, RUN
from support.clients.seal_work import SEAL
from support.models.ledger_store import checkpoint
from support.models.projection_models import (
    ALL,
    ASYNC,
    ASYNC_ACROSS,
    SYNC,
    SYNC_ACROSS,
    Model,
)

Call = tuple[str, list[object]]
Prepare = Callable[[Connection], object]

NEW = uuid.UUID(int=3)
MANY_AT_ONCE = uuid.UUID(int=4)
BAD = [uuid.UUID(int=5), uuid.UUID(int=6)]
GIVEN = uuid.UUID(int=99)
SPARE = Model("spare", "sync", is_across=True)
STALE = "update races.{} set n = n + 1 where n > 1"
CREATE_SPARE = """
select evident.create_projection(
    'races.spare', 'races.apply_spare(races.spare, evident.event_store)',
    null, %s, 'races.touched(evident.event_store)'
)
"""
VERIFY = "select * from evident.verify_projection(%s)"
DROP = "select evident.drop_projection(%s)"
CONFIRM = "select evident.confirm_events('relay', %s, %s, %s)"
RELEASE = "select evident.release_events('relay', %s, %s)"
# Of the newest claim: partition, epoch, its first event and its last one.
CLAIMED = """
select
    p.partition,
    p.epoch,
    (
        select min(e.id)
        from evident.event_store as e
        where
            e.id > p.position
            and e.event_type in ('Added', 'Opened')
            and evident._partition_of(e.aggregate_id, 2) = p.partition
    ),
    p.claimed_until
from evident.consumer_partition as p
order by p.epoch desc
limit 1
"""


@dataclass(frozen=True)
class Step:
    """One call, what makes its work, and whether it changes nothing at all.

    One that `is_attesting` is not undone by an error in writing the own events.
    """

    name: str
    statement: str
    parameters: list[object] | Callable[[Connection], list[object]]
    prepare: Prepare = lambda observer: None
    is_reading: bool = False
    is_attesting: bool = False

    def call(self, observer: Connection) -> Call:
        """Give the statement and its parameters, which may depend on what is there."""
        given = self.parameters
        return self.statement, given(observer) if callable(given) else given


def give(count: int, kind: str = "Added") -> Prepare:
    """Make what appends so many events to each of two aggregates and two keys."""

    def append(observer: Connection) -> None:
        for aggregate in (ONE, TWO):
            append_events(
                observer, [Entry(aggregate, None, added("a", "b", kind=kind) * count)]
            )

    return append


def give_bad(observer: Connection) -> None:
    """Append events that no fold takes, between others, with the synchronous paused.

    Only these are left to fold, as they are looked for by halves.
    """
    observer.execute(RUN, [ASYNC_ACROSS.name, 1000])
    for model in (SYNC, SYNC_ACROSS):
        observer.execute(PAUSE, [model.name])
    for number, aggregate in enumerate(BAD):
        document = [
            {"type": "Added", "payload": {"keys": [f"bad{number}"]}},
            {"type": "Added", "payload": {"keys": [f"bad{number}"], "bad": 1}},
            {"type": "Added", "payload": {"keys": [f"bad{number}", "a"]}},
        ]
        observer.execute(MANY, [aggregate, json.dumps(document), None])


def repair(observer: Connection) -> None:
    for model in ALL:
        model.repair(observer)


def spoil(model: Model) -> Prepare:
    return lambda observer: observer.execute(STALE.format(model.short).encode())


def spoil_live(observer: Connection) -> None:
    """Let the synchronous projections go on, and spoil one that is across keys."""
    observer.execute(RESUME, [SYNC_ACROSS.name])
    observer.execute(RUN, [SYNC_ACROSS.name, 1000])
    spoil(SYNC_ACROSS)(observer)


def claimed(*places: int) -> Callable[[Connection], list[object]]:
    """Make what looks up the newest claim and gives some of its columns."""

    def look(observer: Connection) -> list[object]:
        row = observer.execute(CLAIMED).fetchone()
        assert row is not None
        return [row[place] for place in places]

    return look


def make_spare(observer: Connection) -> None:
    SPARE.make(observer)
    SPARE.repair(observer)


def empty_spare(observer: Connection) -> None:
    observer.execute("truncate races.spare")


def many(*keys: str) -> str:
    return json.dumps([{"type": "Added", "payload": {"keys": list(keys)}}] * 2)


def entry(aggregate: uuid.UUID, expected: int | None, *keys: str) -> dict[str, object]:
    """Describe a batch's entry with two events, or with none where it has no keys."""
    events = json.loads(many(*keys)) if keys else []
    given = {"aggregate_id": str(aggregate), "expected_version": expected}
    return {**given, "events": events}


def fill(observer: Connection) -> None:
    """Append enough for a full tile of the ledger, to which no key belongs."""
    events = [Event("Other", {"keys": []})] * 260
    append_events(observer, [Entry(MANY_AT_ONCE, None, tuple(events))])


ADDED = '{"keys": ["a"]}'
EXACT = json.dumps([entry(TWO, 3, "b", "c"), entry(ONE, 3, "a", "d")])
MIXED = json.dumps([entry(TWO, None, "b"), entry(NEW, -1), entry(ONE, 6, "a")])

APPENDS = [
    Step("append_event, new", EVENT, [NEW, "Opened", ADDED, 0, None]),
    Step("append_event, exact", EVENT, [NEW, "Added", ADDED, 1, None]),
    Step("append_event, any", EVENT, [NEW, "Added", ADDED, None, None]),
    Step("append_event, event_id", EVENT, [NEW, "Added", ADDED, None, GIVEN]),
    Step("append_event, again", EVENT, [NEW, "Added", ADDED, 0, GIVEN]),
    Step("append_events", MANY, [NEW, many("a", "d"), None], give(2)),
    Step("append_batch, exact", BATCH, [EXACT]),
    Step("append_batch, mixed", BATCH, [MIXED], give(1)),
]
LEDGER = [
    Step("seal, a full tile", SEAL, [100_000], fill, is_attesting=True),
    Step("seal, in part", SEAL, [3], give(3), is_attesting=True),
    Step(
        "record_publication",
        "select evident.record_publication(%s)",
        lambda observer: [checkpoint(observer)],
    ),
    Step(
        "begin_incarnation",
        "select evident.begin_incarnation('a test', 'other')",
        [],
        is_attesting=True,
    ),
    Step("seal, anew", SEAL, [100_000], is_attesting=True),
]
FOLDS = [
    Step("run_projection", RUN, [ASYNC.name, 1000]),
    Step("pause_projection", PAUSE, [SYNC.name]),
    Step("run_projection, parking", RUN, [ASYNC_ACROSS.name, 1000], give_bad),
    Step("retry_failure", RETRY, [ASYNC_ACROSS.name, "bad0"], repair),
    Step("skip_failure", SKIP, [ASYNC_ACROSS.name, "bad1"]),
    Step("resume_projection", RESUME, [SYNC.name]),
    Step("run_projection, going live", RUN, [SYNC.name, 1000]),
    Step("rebuild, kept by appends", REBUILD, [SYNC.name, 0, 1], spoil(SYNC)),
    Step("rebuild, a slice of it", REBUILD, [SYNC_ACROSS.name, 1, 2], spoil_live),
    Step("rebuild, the other one", REBUILD, [SYNC_ACROSS.name, 0, 2]),
    Step("verify_projection", VERIFY, [ASYNC.name], spoil(ASYNC), is_reading=True),
    Step("rebuild, kept by runs", REBUILD, [ASYNC.name, 0, 1]),
    Step("create_projection", CREATE_SPARE, ["sync"], make_spare),
    Step("run_projection, spare", RUN, ["races.spare", 1000]),
    Step("drop_projection", DROP, ["races.spare"]),
    Step("create_projection, async", CREATE_SPARE, ["async"], empty_spare),
]
CONSUMERS = [
    Step("create_consumer", CREATE, ["relay", 2, ["Added", "Opened"]]),
    Step("claim_events", CLAIM, ["relay"]),
    Step("confirm_events, in part", CONFIRM, claimed(0, 1, 2)),
    Step("confirm_events", CONFIRM, claimed(0, 1, 3)),
    Step("claim_events, again", CLAIM, ["relay"]),
    Step("release_events", RELEASE, claimed(0, 1)),
    Step("stamp_position", "select evident.stamp_position(true)", []),
    Step("drop_consumer", "select evident.drop_consumer('relay')", []),
]
STORY = [*APPENDS, *LEDGER, *FOLDS, *CONSUMERS]
