"""Real time in each aggregate: who asks after an answer sees what was answered.

With lists that only grow, an aggregate is linearizable when no later call sees a
shorter list than an earlier answer has shown.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from support.checkers.placing import Placing
from support.checkers.violation import Violation
from support.models.history import Append, Call, Check, Level, Read, Transaction


@dataclass(frozen=True)
class Sight:
    """What one action shows of a list: no shorter than `least`, later `most`."""

    who: Transaction
    invoked: float
    returned: float | None
    before: int
    after: int


def real_time_violations(
    placing: Placing, transactions: Sequence[Transaction]
) -> Iterable[Violation]:
    """Name, for each aggregate, the first call that saw an older state."""
    sights: dict[uuid.UUID, list[Sight]] = defaultdict(list)
    for transaction in transactions:
        for aggregate, sight in _sights(placing, transaction):
            sights[aggregate].append(sight)
    for aggregate, each in sights.items():
        yield from _older(aggregate, each)


def _sights(placing: Placing, who: Transaction) -> Iterator[tuple[uuid.UUID, Sight]]:
    appended: set[uuid.UUID] = set()
    for call in who.calls:
        for action in call.actions:
            if isinstance(action, Append) and action.elements:
                appended.add(action.aggregate)
                first = placing.first(action)
                last = first + len(action.elements) - 1
                times = (_asked(who, call), who.returned)
                yield action.aggregate, Sight(who, *times, first - 1, last)
            elif isinstance(action, Read) and action.aggregate not in appended:
                seen = len(action.elements)
                times = (_asked(who, call), call.returned)
                yield action.aggregate, Sight(who, *times, seen, seen)
            elif isinstance(action, Check) and action.expected >= 0:
                seen = action.expected
                times = (_asked(who, call), who.returned)
                yield action.aggregate, Sight(who, *times, seen, seen)


def _asked(who: Transaction, call: Call) -> float:
    """Give the moment before which its snapshot was not taken."""
    return call.invoked if who.level == Level.READ_COMMITTED else who.invoked


def _older(aggregate: uuid.UUID, sights: Sequence[Sight]) -> Iterable[Violation]:
    moments = [(s.invoked, 1, n) for n, s in enumerate(sights)]
    moments += [
        (s.returned, 0, n) for n, s in enumerate(sights) if s.returned is not None
    ]
    newest: Sight | None = None
    for _, is_invocation, number in sorted(moments):
        sight = sights[number]
        if not is_invocation:
            newest = sight if newest is None or sight.after > newest.after else newest
        elif newest is not None and sight.before < newest.after:
            text = (
                f"{sight.who.name} saw version {sight.before} of {aggregate},"
                f" after {newest.who.name} had shown version {newest.after}"
            )
            yield Violation("stale", text, (newest.who, sight.who))
            return
