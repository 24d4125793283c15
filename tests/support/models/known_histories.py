"""Histories made by hand: the good ones have a legal order, the bad ones have none."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from support.models.history import (
    Action,
    Append,
    Call,
    Check,
    Fate,
    Level,
    Read,
    Transaction,
)

X, Y = uuid.UUID(int=1), uuid.UUID(int=2)
SNAPSHOT, SERIALIZABLE = Level.REPEATABLE_READ, Level.SERIALIZABLE

History = tuple[Sequence[Transaction], dict[uuid.UUID, list[str]]]


def tx(
    name: str,
    *calls: Action | tuple[Action, ...],
    at: tuple[float, float | None] = (0, 100),
    level: Level = Level.READ_COMMITTED,
    fate: Fate = Fate.OK,
    sqlstate: str | None = None,
) -> Transaction:
    """Make a transaction; each argument is a call, several actions in a tuple."""
    made = tuple(
        Call(each if isinstance(each, tuple) else (each,), *at) for each in calls
    )
    return Transaction(name, made, fate, level, *at, sqlstate)


def add(
    where: uuid.UUID, elements: str, version: int | None, expected: int | None = None
) -> Append:
    """Make an append of one-letter elements, answered with a version."""
    return Append(where, tuple(elements), expected, version)


def get(where: uuid.UUID, elements: str) -> Read:
    return Read(where, tuple(elements))


def logs(x: str = "", y: str = "") -> dict[uuid.UUID, list[str]]:
    return {X: list(x), Y: list(y)}


GOOD: dict[str, History] = {
    "nothing": ([], {}),
    "appends in an order that the answers explain": (
        [tx("1", add(X, "a", 1)), tx("2", add(X, "bc", 3)), tx("3", get(X, "abc"))],
        logs("abc"),
    ),
    "a read of the past that overlaps the append": (
        [tx("1", add(X, "a", 1), at=(0, 9)), tx("2", get(X, ""), at=(5, 12))],
        logs("a"),
    ),
    "an append without an answer that was stored": (
        [tx("1", add(X, "a", None), at=(0, None), fate=Fate.UNKNOWN)],
        logs("a"),
    ),
    "an append without an answer that was not stored": (
        [tx("1", add(X, "a", None), at=(0, None), fate=Fate.UNKNOWN)],
        logs(),
    ),
    "a check without an answer": (
        [
            tx("1", add(Y, "a", 1)),
            tx(
                "2",
                (add(X, "b", None), Check(Y, -1)),
                at=(0, None),
                fate=Fate.UNKNOWN,
            ),
        ],
        logs("b", "a"),
    ),
    "an append that was refused": (
        [tx("1", add(X, "a", None), fate=Fate.FAIL, sqlstate="PT409")],
        logs(),
    ),
    "a read of one's own append": (
        [tx("1", add(X, "a", 1), get(X, "a"), add(X, "b", 2), get(X, "ab"))],
        logs("ab"),
    ),
    "read committed sees two moments": (
        [
            tx("1", get(X, ""), get(Y, "b"), level=Level.READ_COMMITTED),
            tx("2", (add(X, "a", 1), add(Y, "b", 1))),
        ],
        logs("a", "b"),
    ),
    "write skew is what snapshots allow": (
        [
            tx("1", get(X, ""), add(Y, "b", 1), level=SNAPSHOT),
            tx("2", get(Y, ""), add(X, "a", 1), level=SNAPSHOT),
        ],
        logs("a", "b"),
    ),
    "a snapshot between a check and the append that overtook it": (
        [
            tx("1", get(X, ""), get(Y, "b"), level=SNAPSHOT),
            tx("2", (add(X, "a", 1), Check(Y, 0, 0))),
            tx("3", add(Y, "b", 1)),
        ],
        logs("a", "b"),
    ),
    "a check beside a later append": (
        [tx("1", (add(X, "a", 1), Check(Y, 0, 0))), tx("2", add(Y, "b", 1))],
        logs("a", "b"),
    ),
}


# What is wrong, the anomaly's name, and the witnesses that have to be shown.
BAD: dict[str, tuple[str, str, History]] = {
    "two writers over each other, crosswise": (
        "G0",
        "12",
        (
            [
                tx("1", add(X, "a", 1), add(Y, "d", 2)),
                tx("2", add(X, "b", 2), add(Y, "c", 1)),
            ],
            logs("ab", "cd"),
        ),
    ),
    "a read of what was rolled back": (
        "G1a",
        "12",
        (
            [
                tx("1", add(X, "a", None), fate=Fate.FAIL, sqlstate="PT409"),
                tx("2", get(X, "a")),
            ],
            logs(),
        ),
    ),
    "a read of half of a transaction": (
        "G1b",
        "12",
        ([tx("1", add(X, "ab", 2)), tx("2", get(X, "a"))], logs("ab")),
    ),
    "two that each read the other": (
        "G1c",
        "12",
        (
            [
                tx("1", add(X, "a", 1), get(Y, "b")),
                tx("2", add(Y, "b", 1), get(X, "a")),
            ],
            logs("a", "b"),
        ),
    ),
    "a snapshot with one of two": (
        "G-single",
        "12",
        (
            [
                tx("1", get(X, ""), get(Y, "b"), level=SNAPSHOT),
                tx("2", (add(X, "a", 1), add(Y, "b", 1))),
            ],
            logs("a", "b"),
        ),
    ),
    "write skew where it is not allowed": (
        "G2-item",
        "12",
        (
            [
                tx("1", get(X, ""), add(Y, "b", 1), level=SERIALIZABLE),
                tx("2", get(Y, ""), add(X, "a", 1), level=SERIALIZABLE),
            ],
            logs("a", "b"),
        ),
    ),
    "write skew of two calls that check": (
        "G2-item",
        "12",
        (
            [
                tx("1", (add(X, "a", 1), Check(Y, 0, 0))),
                tx("2", (add(Y, "b", 1), Check(X, 0, 0))),
            ],
            logs("a", "b"),
        ),
    ),
    "an append after another read the same": (
        "lost update",
        "12",
        (
            [
                tx("1", get(X, ""), add(X, "a", 1, expected=0)),
                tx("2", get(X, ""), add(X, "b", 2), level=SNAPSHOT),
            ],
            logs("ab"),
        ),
    ),
    "a version that was not expected": (
        "wrong version",
        "12",
        (
            [tx("1", add(X, "a", 1, expected=0)), tx("2", add(X, "b", 2, expected=0))],
            logs("ab"),
        ),
    ),
    "an aggregate that had to exist": (
        "wrong version",
        "1",
        ([tx("1", add(X, "a", 1, expected=-1))], logs("a")),
    ),
    "a check of a version that never was": (
        "wrong version",
        "1",
        ([tx("1", Check(X, 1, 1))], logs()),
    ),
    "an aggregate that had to exist for a check": (
        "wrong version",
        "1",
        (
            [
                tx(
                    "1",
                    (add(X, "a", None), Check(Y, -1)),
                    at=(0, None),
                    fate=Fate.UNKNOWN,
                )
            ],
            logs("a"),
        ),
    ),
    "an element that is stored twice": (
        "duplicate",
        "",
        ([tx("1", add(X, "a", 2))], logs("aa")),
    ),
    "an element that is read twice": (
        "duplicate",
        "2",
        ([tx("1", add(X, "a", 1)), tx("2", get(X, "aa"))], logs("a")),
    ),
    "a read in another order": (
        "incompatible order",
        "23",
        (
            [tx("1", add(X, "a", 1)), tx("2", add(X, "b", 2)), tx("3", get(X, "b"))],
            logs("ab"),
        ),
    ),
    "an own append that is not read": (
        "internal",
        "1",
        ([tx("1", add(X, "a", 1), get(X, ""))], logs("a")),
    ),
    "a list that becomes shorter": (
        "internal",
        "2",
        ([tx("1", add(X, "a", 1)), tx("2", get(X, "a"), get(X, ""))], logs("a")),
    ),
    "a snapshot that changes": (
        "internal",
        "2",
        (
            [
                tx("1", add(X, "a", 1)),
                tx("2", get(X, ""), get(X, "a"), level=SNAPSHOT),
            ],
            logs("a"),
        ),
    ),
    "an acknowledged event that is gone": (
        "lost append",
        "2",
        ([tx("1", add(X, "a", 1)), tx("2", add(X, "b", 2))], logs("a")),
    ),
    "half of a batch": (
        "partial",
        "1",
        ([tx("1", (add(X, "a", 1), add(Y, "b", 1)))], logs("a")),
    ),
    "half of a batch without an answer": (
        "partial",
        "1",
        (
            [
                tx(
                    "1",
                    (add(X, "a", None), add(Y, "b", None)),
                    at=(0, None),
                    fate=Fate.UNKNOWN,
                )
            ],
            logs("a"),
        ),
    ),
    "a refusal that is stored": (
        "stored refusal",
        "1",
        (
            [tx("1", add(X, "a", None), fate=Fate.FAIL, sqlstate="PT409")],
            logs("a"),
        ),
    ),
    "a refusal that nobody documented": (
        "refusal",
        "1",
        ([tx("1", add(X, "a", None), fate=Fate.FAIL, sqlstate="40P01")], logs()),
    ),
    "an event that nobody asked for": ("invented", "", ([], logs("a"))),
    "another one's event within a call's": (
        "torn append",
        "1",
        ([tx("1", add(X, "ac", 3)), tx("2", add(X, "b", 2))], logs("abc")),
    ),
    "an answer with another version": (
        "wrong answer",
        "1",
        ([tx("1", add(X, "a", 2))], logs("a")),
    ),
    "an old state after a newer one was shown": (
        "stale",
        "12",
        (
            [tx("1", add(X, "a", 1), at=(0, 1)), tx("2", get(X, ""), at=(2, 3))],
            logs("a"),
        ),
    ),
    "a version below one that was answered before": (
        "stale",
        "12",
        (
            [
                tx("1", add(X, "b", 2), at=(0, 1)),
                tx("2", add(X, "a", 1), at=(2, 3)),
            ],
            logs("ab"),
        ),
    ),
    "an order that only the clock contradicts": (
        "real time",
        "123",
        (
            [
                tx("1", (get(X, ""), get(Y, "b")), at=(0, 9)),
                tx("2", add(X, "a", 1), at=(0, 1)),
                tx("3", add(Y, "b", 1), at=(2, 3)),
            ],
            logs("a", "b"),
        ),
    ),
}
