"""Check that the page of the architecture lists every advisory lock of the sources.

The keys of the store's advisory locks are 64 bits: the number of a space in the upper
16, what is locked in the lower 48. The page has one table of the spaces; a row names
its numbers first, and in its column "taken by" the functions that take such a key.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pg_evident.workshop.check.findings import Finding, finding
from pg_evident.workshop.layout import FUNCTIONS
from pg_evident.workshop.sources import read_text

PAGE = "docs/design/architecture.md"
# What belongs to the store. Such a number in a source is a lock space, wherever it is.
RESERVED = range(17750, 17760)

_COMMENT = re.compile(r"--[^\n]*")
_ROW = re.compile(r"\| *(\d+(?:, *\d+)*) *\|[^|]*\|[^|]*\|([^|]*)\|")
_NAME = re.compile(r"`(\w+)`")
_NUMBER = re.compile(r"\b\d+\b")
# The number of a space on its way into a key; 1 is a mask of the lower bits.
_KEY = re.compile(r"\b(\d+)(?:::bigint)?\s*<<\s*48\b")
_HELPER = re.compile(r"\b_lock_number\(\s*[\w.]+\s*,\s*(\d+)\b")
_CALL = re.compile(r"\bpg_(?:try_)?advisory_(xact_)?lock(?:_shared)?\s*\(")


@dataclass(frozen=True)
class Space:
    """Hold one number of the table, and the functions that its row names."""

    number: int
    line: int
    takers: frozenset[str]


def check_locks(root: Path) -> Iterator[Finding]:
    """Find lock spaces that sources and page do not agree on, and keys without one."""
    spaces = _spaces(root)
    known = {each.number for each in spaces}
    takers: dict[int, set[str]] = defaultdict(set)
    for path, text in _sources(root).items():
        code = _COMMENT.sub(lambda found: " " * len(found[0]), text)
        yield from _check_calls(path, code)
        taken = _taken(code)
        for number, line in sorted(_named(code).items()):
            if number not in known:
                message = f"lock space {number} stands in no row of {PAGE}"
                yield finding(path, line, "lock-space", message)
        for number in taken:
            takers[number].add(PurePosixPath(path).stem)
    yield from _check_spaces(spaces, takers)


def _check_spaces(
    spaces: list[Space], takers: Mapping[int, set[str]]
) -> Iterator[Finding]:
    """Find rows of the table that repeat a number or name other functions."""
    seen: set[int] = set()
    for each in spaces:
        if each.number in seen:
            message = f"lock space {each.number} stands in the table twice"
            yield finding(PAGE, each.line, "lock-space", message)
            continue
        seen.add(each.number)
        real = takers.get(each.number, set())
        for name in sorted(real - each.takers):
            message = f"{name} takes lock space {each.number} but is not in its row"
            yield finding(PAGE, each.line, "lock-space", message)
        for name in sorted(each.takers - real):
            message = f"{name} does not take lock space {each.number}"
            yield finding(PAGE, each.line, "lock-space", message)


def _check_calls(path: str, code: str) -> Iterator[Finding]:
    """Find advisory locks of sessions, and keys that are in no space."""
    for found in _CALL.finditer(code):
        line = code.count("\n", 0, found.start()) + 1
        if not found[1]:
            message = "an advisory lock that outlives its transaction"
            yield finding(path, line, "lock-space", message)
        key = _argument(code, found.end())
        # A variable, in a source that makes its keys elsewhere.
        is_spaced = "<< 48" in (code if key.strip().isidentifier() else key)
        if not is_spaced:
            message = "an advisory lock whose key has no lock space in its upper bits"
            yield finding(path, line, "lock-space", message)


def _argument(code: str, start: int) -> str:
    """Return the only argument of a call; of several, nothing."""
    depth = 1
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth == 1 and code[place] == ",":
            return ""
        if depth == 0:
            return code[start:place]
    return ""


def _named(code: str) -> dict[int, int]:
    """Return each number of a space that a source names, and its first line."""
    places = [
        (int(found[1]), found.start(1))
        for pattern in (_KEY, _HELPER)
        for found in pattern.finditer(code)
    ]
    places += [
        (int(found[0]), found.start())
        for found in _NUMBER.finditer(code)
        if int(found[0]) in RESERVED
    ]
    named: dict[int, int] = {}
    for number, place in sorted(places, key=lambda each: each[1]):
        if number != 1:
            named.setdefault(number, code.count("\n", 0, place) + 1)
    return named


def _taken(code: str) -> set[int]:
    """Return the spaces of which a source takes locks, itself or by _lock_number."""
    numbers = {int(found[1]) for found in _HELPER.finditer(code)}
    if _CALL.search(code):
        numbers |= {int(found[1]) for found in _KEY.finditer(code)} - {1}
    return numbers


def _sources(root: Path) -> dict[str, str]:
    """Read the sources of functions, in whatever folder below they lie."""
    paths = sorted((root / FUNCTIONS).rglob("*.sql"))
    names = [each.relative_to(root).as_posix() for each in paths]
    return {name: read_text(root, name) for name in names}


def _spaces(root: Path) -> list[Space]:
    """Read the rows of the table that begin with numbers; none without the page."""
    page = root / PAGE
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    return [
        Space(int(number), line, frozenset(_NAME.findall(found[2])))
        for line, text in enumerate(lines, start=1)
        if (found := _ROW.match(text))
        for number in found[1].split(",")
    ]
