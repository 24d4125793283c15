"""Check that no source sorts or hashes text in an order that the database chooses."""

import re
from collections.abc import Iterator

from pg_evident.workshop.check.findings import Finding, finding

# Columns and expressions by these names are numbers, times, uuids, booleans or names
# (whose collation is "C"), wherever they stand.
_NO_TEXT = frozenset(
    """
    aggregate_id attnum backend_start claimed_until ctid enumsortorder epoch failed_at
    first_event_id id incarnation index is_added last_event_id leaf_index level lock
    number objid oid ordinality pair part partition pid place position prepared rank
    rebuilt_at refobjid sealed_at started_at tree_size transactionid version waits_since
    waitstart
    """.split()  # noqa: SIM905
)
_COMMENT = re.compile(r"--[^\n]*")
_ORDER = re.compile(r"\border\s+by\s+", re.I)
_CALL = re.compile(r"\b(hashtext|hashtextextended|min|max)\(", re.I)
# Where an `order by` ends, outside of parentheses.
_END = re.compile(
    r"\b(limit|for|loop|on conflict|returning|union|offset|rows|range|into)\b", re.I
)
_DOLLARS = re.compile(r"\$(sql|function|do)\$")
_TAIL = re.compile(r"\s+(asc|desc|nulls\s+(first|last))\s*$", re.I)
# With a collation, or a boolean.
_FIXED = re.compile(r"""collate\s+"C"\s*$|^[\w.]+ (=|<>) '[^']*'$""")
_NAME = re.compile(r"([a-z_][a-z_0-9]*)(?:\s+is\s+(?:not\s+)?null)?\s*$", re.I)


def check_collation(path: str, text: str) -> Iterator[Finding]:
    """Find sorting and hashing of text, or of who knows what, without `collate "C"`.

    A comment `-- collation: <why>` on the line before, or the same, is an exception.
    """
    lines = text.split("\n")
    bare = _COMMENT.sub(lambda found: " " * len(found.group()), text)
    for start, expression in _looked_at(bare):
        line = bare.count("\n", 0, start) + 1
        if not _is_fixed(expression) and not _is_excused(lines, line):
            shown = " ".join(expression.split())
            message = f'{shown} may be text: collate "C", or say why not'
            yield finding(path, line, "collation", message)


def _looked_at(text: str) -> Iterator[tuple[int, str]]:
    """Give each expression that is sorted, hashed, or compared, and where it starts."""
    for found in _ORDER.finditer(text):
        for item in _items(text, found.end(), is_list=True):
            yield found.start(), _TAIL.sub("", _TAIL.sub("", item))
    for found in _CALL.finditer(text):
        yield found.start(), next(_items(text, found.end(), is_list=False))


def _items(text: str, start: int, is_list: bool) -> Iterator[str]:
    """Split at commas up to the closing parenthesis, or the end of the clause."""
    depth, begin, place = 0, start, start
    while place < len(text):
        sign = text[place]
        depth += (sign == "(") - (sign == ")")
        is_end = depth < 0 or sign == ";" or bool(_DOLLARS.match(text, place))
        if sign == "'" and text[place - 1].isspace():
            place = text.index("'", place + 1)
        elif depth == 0:
            # A quote here ends the literal that the SQL stands in.
            is_end = (
                is_end or sign == "'" or (is_list and bool(_END.match(text, place)))
            )
        if is_end or (sign == "," and depth == 0):
            yield text[begin:place].strip()
            begin = place + 1
        if is_end:
            return
        place += 1


def _is_fixed(expression: str) -> bool:
    if _FIXED.search(expression) or expression.startswith("pg_get_userbyid("):
        return True
    name = _NAME.search(expression)
    return bool(name) and name is not None and name.group(1).lower() in _NO_TEXT


def _is_excused(lines: list[str], line: int) -> bool:
    near = lines[max(line - 2, 0) : line]
    return any("-- collation: " in each for each in near)
