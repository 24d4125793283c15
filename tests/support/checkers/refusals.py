"""Check that a conflict reports a version that the aggregate had during the call."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence

from support.clients.operations import Operation
from support.clients.store import Logged


def refusal_violations(
    operations: Sequence[Operation], log: Sequence[Logged]
) -> list[str]:
    """Name each conflict that reports a version the aggregate did not have then."""
    known = {operation.name: operation for operation in operations}
    writers: dict[tuple[uuid.UUID, int], Operation] = {
        (event.aggregate, event.version): known[event.operation or ""] for event in log
    }
    found = []
    for operation in operations:
        outcome = operation.outcome
        for conflict in (outcome and outcome.conflicts) or []:
            aggregate = uuid.UUID(conflict["aggregate_id"])
            actual, expected = conflict["actual"], conflict["expected"]
            if actual == expected:
                found.append(f"{operation.name}: expected {expected}, which it was")
            writer = writers.get((aggregate, actual))
            if actual and (writer is None or _is_after(writer, operation)):
                found.append(f"{operation.name}: version {actual} was not yet there")
            follower = writers.get((aggregate, actual + 1))
            if follower is not None and _is_after(operation, follower):
                found.append(f"{operation.name}: version {actual} was over before")
    return found


def _is_after(later: Operation, earlier: Operation) -> bool:
    return earlier.returned is not None and later.invoked > earlier.returned


def refusals_of(operations: Iterable[Operation]) -> Counter[str]:
    """Count the outcomes: `ok`, `unknown`, or the SQLSTATE."""
    return Counter(
        "unknown" if o.outcome is None else o.outcome.sqlstate or "ok"
        for o in operations
    )
