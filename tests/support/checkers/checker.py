"""Check a history of transactions against the final log."""

from __future__ import annotations

from collections.abc import Sequence

from support.checkers.graph import cycle_violations
from support.checkers.local import append_violations, read_violations, update_violations
from support.checkers.placing import place
from support.checkers.realtime import real_time_violations
from support.checkers.violation import Violation
from support.models.history import Fate, Lists, Transaction


def violations(
    transactions: Sequence[Transaction],
    lists: Lists,
    refusals: frozenset[str] = frozenset({"PT409", "40001"}),
) -> list[Violation]:
    """Name everything in the answers and the final lists that no legal order explains.

    `lists` are the elements of each aggregate in the order of their versions, and
    `refusals` the SQLSTATEs that a transaction may end with.
    """
    placing, found = place(transactions, lists)
    found += [
        Violation("refusal", f"{each.name}: refused with {each.sqlstate}", (each,))
        for each in transactions
        if each.fate == Fate.FAIL and each.sqlstate not in refusals
    ]
    for each in transactions:
        found += read_violations(placing, each)
    for each in placing.committed:
        found += append_violations(placing, each)
        found += update_violations(placing, each)
    # Order means something only where every event has its one place.
    if not found:
        found += real_time_violations(placing, placing.committed)
    if not found:
        found += cycle_violations(placing, placing.committed)
    return found
