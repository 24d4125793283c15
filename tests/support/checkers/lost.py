"""What a store that was set back has lost, and whether that is a suffix."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from support.checkers.history import element, lists_of
from support.clients.calls import Connection
from support.clients.store import Logged
from support.clients.workload import Workload
from support.models.history import Append, Fate, Transaction

# As in the README: no id and no epoch of the lost history is given again.
LEAVE_OUT = """
set local role evident_owner;
select setval('evident.event_store_id_seq',
    greatest({position}, nextval('evident.event_store_id_seq')));
select setval('evident.consumer_epoch_seq',
    nextval('evident.consumer_epoch_seq') + 1000000);
"""


def leave_out(owner: Connection, position: int) -> None:
    """Give no id up to a position that anybody outside knows."""
    with owner.transaction():
        owner.execute(LEAVE_OUT.format(position=position).encode())


def suffix_violations(
    history: Sequence[Transaction], before: Sequence[Logged], after: Sequence[Logged]
) -> Iterator[str]:
    """Name what is not a loss of the newest: of each aggregate, and in real time.

    `before` is the log with what got lost, `after` the log without.
    """
    full, kept = lists_of(before), lists_of(after)
    for aggregate, elements in kept.items():
        if list(full.get(aggregate, ()))[: len(elements)] != list(elements):
            yield f"{aggregate} has {elements}, which is no beginning of what it had"
    stored = {element(each.operation, each.n) for each in after}
    answered = [each for each in history if each.fate == Fate.OK and elements_of(each)]
    lost = [each for each in answered if not stored.issuperset(elements_of(each))]
    for each in lost:
        if stored.intersection(elements_of(each)):
            yield f"{each.name} is lost in part"
    first = min((each.returned or 0 for each in lost), default=float("inf"))
    for each in answered:
        if each not in lost and each.invoked > first:
            yield f"{each.name} is there, but one that was answered before is lost"


def forget_lost(work: Workload, log: Sequence[Logged]) -> int:
    """Let a history go on from what a log still has; count what was answered and lost.

    What anybody has read is not known any more, for it may be lost.
    """
    stored = {element(each.operation, each.n) for each in log}
    written = [each for each in work.history if elements_of(each)]
    kept = [each for each in written if stored.issuperset(elements_of(each))]
    lost = [each for each in written if each not in kept and each.fate == Fate.OK]
    set_back(work, [forgotten(each) for each in kept])
    return sum(len(elements_of(each)) for each in lost)


def set_back(work: Workload, history: Sequence[Transaction]) -> None:
    """Give a workload another past."""
    for client in work.clients:
        client.history.clear()
        # Transactions are named by their number, and no name may come again.
        client.name += "'"
    work.kept = list(history)


def elements_of(transaction: Transaction) -> set[str]:
    return {element for each in transaction.appends() for element in each.elements}


def rewound(
    history: Sequence[Transaction], before: float, after: float
) -> Iterator[Transaction]:
    """Give the history as it is once the store is set back to one moment.

    The moment was between `before` and `after`. What was answered earlier stays; what
    was under way may be there or not, and what it read is not known any more; what was
    asked later never was.
    """
    for each in history:
        if each.returned is not None and each.returned < before:
            yield each
        elif each.invoked < after and each.fate != Fate.FAIL:
            yield forgotten(each)


def forgotten(transaction: Transaction) -> Transaction:
    """Give a transaction whose answers are not known any more."""
    calls = []
    for call in transaction.calls:
        appends = [a for a in call.actions if isinstance(a, Append)]
        if appends:
            actions = tuple(replace(a, version=None) for a in appends)
            calls.append(replace(call, actions=actions, returned=None))
    return replace(transaction, calls=tuple(calls), fate=Fate.UNKNOWN, returned=None)


def confirmed_unwritten(
    connection: Connection, consumer: str, paths: Sequence[Path]
) -> list[str]:
    """Name the events that a relay confirmed, which stand in none of its files."""
    written = {
        uuid.UUID(json.loads(line)["event_id"])
        for path in paths
        for line in path.read_bytes().splitlines()
    }
    rows = connection.execute(
        "select e.id, e.event_id from evident.event_store as e"
        " where e.id <= (select min(s.position) from evident.consumer_status as s"
        " where s.consumer = %s) order by e.id",
        [consumer],
    ).fetchall()
    return [
        f"event {id} is in no file" for id, event_id in rows if event_id not in written
    ]
