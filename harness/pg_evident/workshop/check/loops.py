"""Check that every loop of PL/pgSQL ends, whatever rows there are.

A loop over numbers, a query or an array has an end of its own. Any other loop has to
say why it ends, in a comment that begins with `-- Ends:` right above it: a bound that
does not depend on a row being there.
"""

import re
from collections.abc import Iterator

from pg_evident.workshop.check.findings import Finding, finding

MARK = "-- Ends:"

_COMMENT = re.compile(r"--[^\n]*")
_LOOP = re.compile(r"\b(end\s+)?loop\b", re.IGNORECASE)
# What opens a loop; it is in the same statement, which nothing else of this ends.
_OPENED = re.compile(
    r"\b(?:(for)\s+\w+(?:\s*,\s*\w+)*\s+in|(foreach)\s+\w+|(while))\b", re.IGNORECASE
)


def check_loops(path: str, text: str) -> Iterator[Finding]:
    """Find loops of a source that have no end of their own and do not name one."""
    code = _COMMENT.sub(lambda found: " " * len(found[0]), text)
    lines = text.split("\n")
    before = 0
    for found in _LOOP.finditer(code):
        start = max(before, code.rfind(";", 0, found.start()) + 1)
        before = found.end()
        if found[1]:
            continue
        opened = _OPENED.search(code, start, found.start())
        if opened and not opened[3]:
            continue
        place = opened.start() if opened else found.start()
        number = code.count("\n", 0, place)
        if not _is_marked(lines[:number]):
            message = f"a loop without a bound: say above it why it ends, `{MARK} ...`"
            yield finding(path, number + 1, "loop", message)


def _is_marked(above: list[str]) -> bool:
    """Say whether the comment right above has the mark."""
    for line in reversed(above):
        if not line.strip().startswith("--"):
            return False
        if line.strip().startswith(MARK):
            return True
    return False
