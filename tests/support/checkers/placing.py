"""Where the elements of a history stand in the final lists, and who asked for them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from support.checkers.violation import Violation
from support.models.history import Append, Fate, Lists, Transaction


@dataclass
class Placing:
    """The final lists, indexed; `committed` are the transactions that took effect."""

    lists: Lists
    position: dict[tuple[uuid.UUID, str], int] = field(default_factory=dict)
    writer: dict[tuple[uuid.UUID, str], Transaction] = field(default_factory=dict)
    committed: list[Transaction] = field(default_factory=list)

    def first(self, append: Append) -> int:
        """Give the version of an append's first element; it has to be stored."""
        return self.position[append.aggregate, append.elements[0]]

    def writer_at(self, aggregate: uuid.UUID, version: int) -> Transaction | None:
        """Give who wrote a version, if it was written."""
        elements = self.lists.get(aggregate, ())
        if not 1 <= version <= len(elements):
            return None
        return self.writer[aggregate, elements[version - 1]]


def place(
    transactions: Sequence[Transaction], lists: Lists
) -> tuple[Placing, list[Violation]]:
    """Find each element, and with that the fate of who was not answered."""
    placing = Placing(lists)
    found = list(_index(placing, lists))
    for transaction in transactions:
        for append in transaction.appends():
            for element in append.elements:
                placing.writer[append.aggregate, element] = transaction
    for key in placing.position.keys() - placing.writer.keys():
        found.append(Violation("invented", f"nobody asked for {key[1]} in {key[0]}"))
    for transaction in transactions:
        found += _fate(placing, transaction)
    return placing, found


def _index(placing: Placing, lists: Lists) -> Iterable[Violation]:
    for aggregate, elements in lists.items():
        for version, element in enumerate(elements, 1):
            if (aggregate, element) in placing.position:
                yield Violation("duplicate", f"{element} is twice in {aggregate}")
            placing.position[aggregate, element] = version


def _fate(placing: Placing, transaction: Transaction) -> Iterable[Violation]:
    wanted: dict[uuid.UUID, int] = defaultdict(int)
    stored: dict[uuid.UUID, int] = defaultdict(int)
    for append in transaction.appends():
        wanted[append.aggregate] += len(append.elements)
        stored[append.aggregate] += sum(
            (append.aggregate, element) in placing.position
            for element in append.elements
        )
    is_stored = any(stored.values())
    if is_stored and stored != wanted:
        counts = f"{list(stored.values())} of {list(wanted.values())}"
        text = f"{transaction.name} stored {counts} events, neither all nor none"
        yield Violation("partial", text, (transaction,))
    elif is_stored and transaction.fate == Fate.FAIL:
        text = f"{transaction.name}: refused with {transaction.sqlstate}, but stored"
        yield Violation("stored refusal", text, (transaction,))
    elif wanted and not is_stored and transaction.fate == Fate.OK:
        text = f"{transaction.name}: acknowledged, but not stored"
        yield Violation("lost append", text, (transaction,))
    elif is_stored or transaction.fate == Fate.OK:
        placing.committed.append(transaction)
