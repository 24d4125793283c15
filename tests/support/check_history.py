"""Check a history of appends: each took effect whole, once, and in a legal order.

The order must be strictly serializable: version order within an aggregate, what
each operation saw, and real time may not contradict each other. That is a graph
without cycles (as in Elle's list-append checker, with versions given by the log).
"""

from __future__ import annotations

import graphlib
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence

from support.calls import Entry
from support.check_streams import stream_violations
from support.history import Operation
from support.store import Logged

REFUSALS = frozenset({"PT409", "40001"})

Streams = dict[uuid.UUID, list[str]]
Placed = dict[tuple[str, uuid.UUID], list[Logged]]


def history_violations(
    operations: Sequence[Operation],
    log: Sequence[Logged],
    refusals: frozenset[str] = REFUSALS,
) -> list[str]:
    """Name everything in the log and the answers that no legal order explains."""
    placed: Placed = defaultdict(list)
    streams: Streams = defaultdict(list)
    for event in sorted(log, key=lambda event: event.version):
        name = event.operation or "nobody"
        placed[name, event.aggregate].append(event)
        streams[event.aggregate].append(name)
    found = stream_violations(log)
    found += _unasked(operations, placed)
    for operation in operations:
        found += _operation(operation, placed, streams, refusals)
    # The graph is only meaningful over versions without gaps.
    return found or _cycles(operations, placed, streams)


def _unasked(operations: Sequence[Operation], placed: Placed) -> list[str]:
    asked = {(o.name, e.aggregate) for o in operations for e in o.entries}
    return [f"events that nobody asked for: {key}" for key in placed.keys() - asked]


def _operation(
    operation: Operation, placed: Placed, streams: Streams, refusals: frozenset[str]
) -> Iterable[str]:
    name, outcome = operation.name, operation.outcome
    appends = [entry for entry in operation.entries if entry.events]
    counts = [len(placed.get((name, entry.aggregate), ())) for entry in appends]
    if any(counts) and counts != [len(entry.events) for entry in appends]:
        yield f"{name}: stored {counts} events, neither all once nor none"
        return
    if any(counts):
        for entry in appends:
            yield from _place(name, entry, placed[name, entry.aggregate])
    if outcome is None:
        return
    if outcome.sqlstate is None:
        if appends and not any(counts):
            yield f"{name}: acknowledged, but not stored"
            return
        yield from _answers(operation, placed, streams)
    elif any(counts):
        yield f"{name}: refused with {outcome.sqlstate}, but stored"
    elif outcome.sqlstate not in refusals:
        yield f"{name}: refused with {outcome.sqlstate}"
    if operation.read is not None and operation.is_acknowledged:
        (entry,) = operation.entries
        before = streams[entry.aggregate][
            : placed[name, entry.aggregate][0].version - 1
        ]
        if list(operation.read) != before:
            yield f"{name}: lost update: read {len(operation.read)} events, not the"
            yield f"{name}: {len(before)} before its own"


def _place(name: str, entry: Entry, events: Sequence[Logged]) -> Iterable[str]:
    first = events[0].version
    if [event.n for event in events] != list(range(len(events))):
        yield f"{name}: events of one call in another order"
    if [event.version for event in events] != list(range(first, first + len(events))):
        yield f"{name}: events of one call are not consecutive"
    if [event.id for event in events] != sorted(event.id for event in events):
        yield f"{name}: ids of one call do not ascend"
    if entry.expected == -1 and first == 1:
        yield f"{name}: made an aggregate that had to exist"
    exact = entry.expected if entry.expected != -1 else None
    if exact is not None and first != exact + 1:
        yield f"{name}: expected {exact}, stored as {first}"


def _answers(operation: Operation, placed: Placed, streams: Streams) -> Iterable[str]:
    assert operation.outcome is not None
    versions = operation.outcome.versions
    if len(versions) != len(operation.entries):
        yield f"{operation.name}: {len(versions)} answers"
        return
    for entry, version in zip(operation.entries, versions, strict=True):
        if version is None:
            yield f"{operation.name}: answered without a version"
            continue
        if entry.events:
            actual = placed[operation.name, entry.aggregate][-1].version
        else:
            actual = version if entry.expected == -1 else entry.expected or 0
            if actual > len(streams[entry.aggregate]):
                yield f"{operation.name}: checked version {actual}, which never was"
        if actual != version or (entry.expected == -1 and version < 1):
            yield f"{operation.name}: answered {version}, but it is {actual}"


def _cycles(
    operations: Sequence[Operation], placed: Placed, streams: Streams
) -> list[str]:
    graph: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    effective = [
        operation
        for operation in operations
        if operation.is_acknowledged
        or any((operation.name, e.aggregate) in placed for e in operation.entries)
    ]
    for operation in effective:
        for entry in operation.entries:
            _order(graph, operation, entry, placed, streams[entry.aggregate])
    _real_time(graph, effective)
    try:
        graph.prepare()
    except graphlib.CycleError as error:
        names = [name for name in error.args[1] if not name.startswith("time ")]
        return [f"no order explains: {' < '.join(names)}"]
    return []


def _order(
    graph: graphlib.TopologicalSorter[str],
    operation: Operation,
    entry: Entry,
    placed: Placed,
    writers: Sequence[str],
) -> None:
    """Put an operation behind the version that it saw, and before the next one."""
    name = operation.name
    if entry.events:
        seen = placed[name, entry.aggregate][0].version - 1
    elif entry.expected == -1:
        graph.add(name, writers[0])
        return
    else:
        seen = entry.expected or 0
    if seen > 0:
        graph.add(name, writers[seen - 1])
    if seen < len(writers) and writers[seen] != name:
        graph.add(writers[seen], name)


def _real_time(
    graph: graphlib.TopologicalSorter[str], operations: Sequence[Operation]
) -> None:
    """Put what was answered before what was asked later, along a chain of moments."""
    moments = [(o.invoked, 1, o.name) for o in operations]
    moments += [
        (o.returned, 0, o.name)
        for o in operations
        if o.is_acknowledged and o.returned is not None
    ]
    for number, (_, is_invocation, name) in enumerate(sorted(moments)):
        graph.add(f"time {number}", f"time {number - 1}" if number else "time start")
        if is_invocation:
            graph.add(name, f"time {number}")
        else:
            graph.add(f"time {number}", name)
