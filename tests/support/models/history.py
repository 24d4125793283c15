"""What clients asked for and were told: transactions over append-only lists.

An aggregate is a list, an event is an element with a name of its own. The final log
gives the lists, so each append and each read shows which versions it stands between.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Lists = Mapping[uuid.UUID, Sequence[str]]


class Level(enum.IntEnum):
    """Isolation levels of PostgreSQL, the weakest first."""

    READ_COMMITTED = 1
    REPEATABLE_READ = 2
    SERIALIZABLE = 3


class Fate(enum.Enum):
    """What the client knows: committed, refused, or that no answer came."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Append:
    """Elements added to one list; `version` is the answer, the length afterwards."""

    aggregate: uuid.UUID
    elements: tuple[str, ...]
    expected: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class Check:
    """An expected version without events; -1 when the list only had to exist."""

    aggregate: uuid.UUID
    expected: int
    version: int | None = None


@dataclass(frozen=True)
class Read:
    """One list as it was read, from its beginning."""

    aggregate: uuid.UUID
    elements: tuple[str, ...]


Action = Append | Check | Read


@dataclass(frozen=True)
class Call:
    """Actions of one statement, which has one snapshot or takes effect at once."""

    actions: tuple[Action, ...]
    invoked: float = 0.0
    returned: float | None = None


@dataclass(frozen=True)
class Transaction:
    """Calls that commit together; `returned` is None when no answer came."""

    name: str
    calls: tuple[Call, ...]
    fate: Fate = Fate.OK
    level: Level = Level.READ_COMMITTED
    invoked: float = 0.0
    returned: float | None = None
    sqlstate: str | None = None

    def actions(self) -> Iterator[Action]:
        for call in self.calls:
            yield from call.actions

    def appends(self) -> Iterator[Append]:
        for action in self.actions():
            if isinstance(action, Append) and action.elements:
                yield action

    @property
    def is_strict(self) -> bool:
        """Say whether all that it saw still held when it committed.

        So it is with one call, and when each list that was read is appended to at
        exactly the version that was read.
        """
        if len(self.calls) <= 1:
            return True
        confirmed = {
            a.aggregate: a.expected for a in self.appends() if a.expected is not None
        }
        return all(
            isinstance(action, Append)
            or confirmed.get(action.aggregate) == length_seen(action)
            for action in self.actions()
        )

    def __str__(self) -> str:
        calls = "; ".join(", ".join(map(told, call.actions)) for call in self.calls)
        times = f"{self.invoked:.4f} to "
        times += "?" if self.returned is None else f"{self.returned:.4f}"
        answer = self.sqlstate or self.fate.value
        return f"{self.name} [{times}]: {calls} -> {answer}"


def length_seen(action: Check | Read) -> int:
    return len(action.elements) if isinstance(action, Read) else action.expected


def told(action: Action) -> str:
    """Describe an action in a few words."""
    key = str(action.aggregate)[:8]
    if isinstance(action, Read):
        return f"read {key} = [{shortened(action.elements)}]"
    version = "" if action.version is None else f" = {action.version}"
    if isinstance(action, Check):
        return f"check {key} at {action.expected}{version}"
    at = "any version" if action.expected is None else f"version {action.expected}"
    return f"append [{shortened(action.elements)}] to {key} at {at}{version}"


def shortened(elements: Sequence[str]) -> str:
    """Name elements, of many only the last ones."""
    return ("... " if len(elements) > 3 else "") + " ".join(elements[-3:])
