"""Read JSON that somebody handed over, as strictly as it can be read."""

from __future__ import annotations

import json
from typing import Any, NoReturn

# What PostgreSQL's bigint can hold.
LARGEST = 2**63 - 1
# Values and names of one document, at most: each takes some microseconds.
MOST_PARTS = 200_000


def parse_object(data: bytes | str, most: int = MOST_PARTS) -> dict[str, Any]:
    """Read one JSON object; ValueError for anything else.

    NaN, Infinity, integers beyond 64 bits, keys that stand twice, text that is not
    UTF-8, nesting beyond reason and more than `most` parts are refused.
    """
    text = data.decode() if isinstance(data, bytes) else data
    if parts(text) > most:
        raise ValueError("too many parts")
    try:
        value = json.loads(
            text,
            parse_int=_integer,
            parse_constant=_refuse,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def parts(text: str) -> int:
    """Count what may begin a value, in texts too: more than there are values."""
    return text.count(",") + text.count("[") + text.count("{")


def integer(value: object) -> int:
    """Give an integer as it is; ValueError for anything else, true and 1.0 included."""
    if type(value) is not int:
        raise ValueError("not an integer")
    return value


def text(value: object) -> str:
    """Give a text as it is; ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST - 1 <= int(digits) <= LARGEST:
        raise ValueError("a number out of range")
    return int(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
