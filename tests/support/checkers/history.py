"""Check what single appends came to: operations of clients, told as one history."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from support.checkers.checker import violations
from support.checkers.streams import stream_violations
from support.checkers.violation import told_all
from support.clients.calls import Entry
from support.clients.operations import Operation
from support.clients.store import Logged
from support.models.history import Append, Call, Check, Fate, Read, Transaction

REFUSALS = frozenset({"PT409", "40001"})


def history_violations(
    operations: Sequence[Operation],
    log: Sequence[Logged],
    refusals: frozenset[str] = REFUSALS,
) -> list[str]:
    """Name everything in the log and the answers that no legal order explains."""
    found = stream_violations(log) + order_violations(log)
    transactions = [transaction_of(each) for each in operations]
    return found + told_all(violations(transactions, lists_of(log), refusals))


def lists_of(log: Iterable[Logged]) -> Mapping[uuid.UUID, list[str]]:
    """Give the elements of each aggregate in the order of their versions."""
    lists: dict[uuid.UUID, list[str]] = defaultdict(list)
    for event in sorted(log, key=lambda event: event.version):
        lists[event.aggregate].append(element(event.operation, event.n))
    return lists


def order_violations(log: Iterable[Logged]) -> list[str]:
    """Name each aggregate in which ids do not ascend with versions."""
    newest: dict[uuid.UUID, int] = {}
    found = []
    for event in sorted(log, key=lambda event: event.version):
        if event.id < newest.get(event.aggregate, 0):
            text = f"{event.aggregate}: version {event.version} has an earlier id"
            found.append(text)
        newest[event.aggregate] = event.id
    return found


def transaction_of(operation: Operation) -> Transaction:
    """Say in the checker's terms what an operation did and was told."""
    outcome = operation.outcome
    versions: Sequence[int | None] = [None] * len(operation.entries)
    fate, sqlstate = Fate.UNKNOWN, None
    if outcome is not None and outcome.sqlstate is None:
        fate = Fate.OK
        if len(outcome.versions) == len(operation.entries):
            versions = outcome.versions
    elif outcome is not None:
        fate, sqlstate = Fate.FAIL, outcome.sqlstate
    times = (operation.invoked, operation.returned)
    actions = [
        action(operation.name, entry, version)
        for entry, version in zip(operation.entries, versions, strict=True)
    ]
    calls = [Call(tuple(actions), *times)]
    if operation.read is not None:
        (entry,) = operation.entries
        calls.insert(0, Call((Read(entry.aggregate, operation.read),), *times))
    return Transaction(
        operation.name, tuple(calls), fate, operation.level, *times, sqlstate
    )


def action(name: str, entry: Entry, version: int | None) -> Append | Check:
    if not entry.events:
        return Check(entry.aggregate, entry.expected or 0, version)
    elements = tuple(element(name, n) for n in range(len(entry.events)))
    return Append(entry.aggregate, elements, entry.expected, version)


def element(operation: str | None, n: int | None) -> str:
    return f"{operation}/{n}"
