"""What one transaction alone shows: its places, its answers and its reads."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from support.checkers.placing import Placing
from support.checkers.violation import Violation
from support.models.history import Append, Check, Fate, Level, Read, Transaction


def append_violations(placing: Placing, who: Transaction) -> Iterable[Violation]:
    """Check that appends stand where they were meant to, and as was answered."""
    for action in who.actions():
        if isinstance(action, Append) and action.elements:
            yield from _place(placing, who, action)
        elif isinstance(action, Check):
            yield from _check(placing, who, action)


def _place(placing: Placing, who: Transaction, append: Append) -> Iterable[Violation]:
    places = [placing.position[append.aggregate, each] for each in append.elements]
    first, last = places[0], places[-1]
    if places != list(range(first, first + len(places))):
        text = f"{who.name}: the events of one call have versions {places}"
        yield Violation("torn append", text, (who,))
    must_exist = append.expected == -1
    if must_exist and first == 1:
        text = f"{who.name}: made an aggregate that had to exist"
        yield Violation("wrong version", text, (who,))
    if not must_exist and append.expected not in (None, first - 1):
        text = f"{who.name}: expected {append.expected}, stored as {first}"
        rival = placing.writer_at(append.aggregate, first - 1)
        yield Violation("wrong version", text, (who, rival) if rival else (who,))
    if who.fate == Fate.OK and append.version != last:
        text = f"{who.name}: answered {append.version}, but it is {last}"
        yield Violation("wrong answer", text, (who,))


def _check(placing: Placing, who: Transaction, check: Check) -> Iterable[Violation]:
    length = len(placing.lists.get(check.aggregate, ()))
    actual, least = check.expected, 0
    if check.expected == -1:
        # Without an answer only that there was a version is known.
        actual, least = check.version or 1, 1
    if not least <= actual <= length:
        text = f"{who.name}: checked version {actual}, which never was"
        yield Violation("wrong version", text, (who,))
    if who.fate == Fate.OK and check.version != actual:
        text = f"{who.name}: answered {check.version}, but it is {actual}"
        yield Violation("wrong answer", text, (who,))


def read_violations(placing: Placing, who: Transaction) -> Iterable[Violation]:
    """Check each read against the final list and what the transaction itself did.

    Reads count whatever became of their transaction: also one that fails later may
    have acted on what it saw.
    """
    own: dict[uuid.UUID, list[str]] = {}
    seen: dict[uuid.UUID, tuple[str, ...]] = {}
    for action in who.actions():
        if isinstance(action, Append):
            own.setdefault(action.aggregate, []).extend(action.elements)
        elif isinstance(action, Read):
            yield from _read(placing, who, action, set(own.get(action.aggregate, ())))
            yield from _internal(who, action, seen, own.get(action.aggregate, []))
            seen[action.aggregate] = action.elements
            own[action.aggregate] = []


def _read(
    placing: Placing, who: Transaction, read: Read, own: set[str]
) -> Iterable[Violation]:
    if len(set(read.elements)) < len(read.elements):
        yield Violation("duplicate", f"{who.name} read an element twice", (who,))
        return
    final = placing.lists.get(read.aggregate, ())
    stored = [each for each in read.elements if each not in own]
    for version, element in enumerate(stored, 1):
        at = placing.position.get((read.aggregate, element))
        if at is None:
            writer = placing.writer.get((read.aggregate, element))
            text = f"{who.name} read {element}, which was never committed"
            yield Violation("G1a", text, (writer, who) if writer else (who,))
            return
        if at != version:
            text = f"{who.name} read {element} as version {version}, it is {at}"
            yield Violation("incompatible order", text, _pair(placing, who, read, at))
            return
    last = placing.writer_at(read.aggregate, len(stored))
    following = placing.writer_at(read.aggregate, len(stored) + 1)
    if last is not None and last is following and last is not who:
        text = f"{who.name} read a part of what {last.name} appended"
        yield Violation("G1b", text, (last, who))
    elif len(stored) > len(final):
        yield Violation("G1a", f"{who.name} read beyond the final list", (who,))


def _pair(
    placing: Placing, who: Transaction, read: Read, version: int
) -> tuple[Transaction, ...]:
    writer = placing.writer_at(read.aggregate, version)
    return (who,) if writer is None or writer is who else (writer, who)


def _internal(
    who: Transaction,
    read: Read,
    seen: dict[uuid.UUID, tuple[str, ...]],
    own: list[str],
) -> Iterable[Violation]:
    before = seen.get(read.aggregate)
    is_own_last = not own or list(read.elements[-len(own) :]) == own
    if own and not is_own_last and not set(own) <= set(read.elements):
        yield Violation("internal", f"{who.name} did not read its own append", (who,))
    if before is None:
        return
    if read.elements[: len(before)] != before:
        text = f"{who.name} read less than it had read before"
        yield Violation("internal", text, (who,))
    elif who.level > Level.READ_COMMITTED and list(read.elements) != [*before, *own]:
        text = f"{who.name} read twice from one snapshot, and not the same"
        yield Violation("internal", text, (who,))


def update_violations(placing: Placing, who: Transaction) -> Iterable[Violation]:
    """Check that nothing came between a read and the append that was based on it."""
    seen: dict[uuid.UUID, int] = {}
    for action in who.actions():
        if isinstance(action, Read):
            seen[action.aggregate] = len(action.elements)
        elif isinstance(action, Append) and action.elements:
            read = seen.pop(action.aggregate, None)
            first = placing.first(action)
            is_exact = action.expected is not None and action.expected == read
            if read is None or first == read + 1:
                continue
            if is_exact or who.level > Level.READ_COMMITTED:
                rival = placing.writer_at(action.aggregate, read + 1)
                text = f"{who.name} read version {read} and wrote version {first}"
                witnesses = (who,) if rival in (None, who) else (rival, who)
                yield Violation("lost update", text, witnesses)  # type: ignore[arg-type]
