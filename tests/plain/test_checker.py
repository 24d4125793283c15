"""The checker against histories made by hand: the good pass, the bad are named."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.checkers.checker import violations
from support.models.history import Append, Call, Check, Fate, Transaction
from support.models.known_histories import BAD, GOOD, X, add, get, logs, tx

pytestmark = pytest.mark.promise(3)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_passes(name: str) -> None:
    assert violations(*GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_named_with_those_who_show_it(name: str) -> None:
    anomaly, witnesses, history = BAD[name]
    found = violations(*history)
    assert [each.anomaly for each in found] == [anomaly] * len(found)
    assert {w.name for w in found[0].witnesses} == set(witnesses)


def noise(count: int) -> Iterator[Transaction]:
    """Make transactions over lists of their own, three at a time side by side."""
    for number in range(count):
        at = (float(number), number + 3.0)
        where = uuid.UUID(int=1000 + number % 7)
        version = number // 7 + 1
        append = Append(where, (f"n{number}",), version - 1, version)
        yield tx(f"noise {number}", append, at=at)


@pytest.mark.parametrize("name", BAD)
def test_an_anomaly_is_found_among_thousands_and_shown_alone(name: str) -> None:
    anomaly, witnesses, (planted, lists) = BAD[name]
    others = list(noise(3000))
    lists = dict(lists)
    for each in others:
        (append,) = each.appends()
        lists.setdefault(append.aggregate, []).extend(append.elements)
    found = violations([*others[:1500], *planted, *others[1500:]], lists)
    assert found[0].anomaly == anomaly
    assert {w.name for w in found[0].witnesses} == set(witnesses)
    assert len(str(found[0]).splitlines()) == 1 + len(witnesses)


def test_a_long_cycle_is_shown_whole_and_the_shortest_is_chosen() -> None:
    keys = [uuid.UUID(int=10 + n) for n in range(5)]

    def ring(size: int, tag: str) -> Iterator[tuple[Transaction, uuid.UUID, str]]:
        for n in range(size):
            mine, next_one = keys[n], keys[(n + 1) % size]
            element = f"{tag}{n}"
            actions = (Append(mine, (element,), None, None), Check(next_one, 0, 0))
            yield tx(f"{tag}{n}", actions, fate=Fate.UNKNOWN), mine, element

    history = list(ring(4, "a"))
    lists = {mine: [element] for _, mine, element in history}
    (found,) = violations([t for t, _, _ in history], lists)
    assert found.anomaly == "G2-item"
    assert len(found.witnesses) == 4
    shorter = tx("b", (Append(keys[4], ("b",), None, 1), Check(keys[0], 0, 0)))
    first = history[0][0]
    (call,) = first.calls
    crossed = replace(
        first, calls=(Call((*call.actions, Check(keys[4], 0, 0)), *(0, 100)),)
    )
    lists[keys[4]] = ["b"]
    rest = [t for t, _, _ in history[1:]]
    (found,) = violations([crossed, *rest, shorter], lists)
    assert {w.name for w in found.witnesses} == {"a0", "b"}


def test_orders_of_one_list_pass_only_where_all_agree() -> None:
    """Every pair of reads of three appends: prefixes of the log pass, no others."""
    writers = [tx(e, add(X, e, n)) for n, e in enumerate("abc", 1)]
    for length in range(4):
        for read in itertools.permutations("abc", length):
            text = "".join(read)
            found = violations([*writers, tx("r", get(X, text))], logs("abc"))
            assert (found == []) == "abc".startswith(text), text
