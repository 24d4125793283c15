"""What a person or a terminal must never be shown as it came."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

# Printable, yet blank or invisible.
BLANK = "\u034f\u115f\u1160\u2800\u3164\ufe00\ufe0f\uffa0"
# One of each kind: what a text from outside could do to a terminal, a log, an eye.
HOSTILE = {
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "lines": "x\r\n2026-11-29 all is well: 0 keys parked\n",
    "c1": "\x9b31m\x85\x90",
    "direction": "\u202egnol\u2066\u2069\u061c\u200f",
    "invisible": "a\u200bb\ufeffc\u2060d\u00ad",
    "separators": "\u2028\u2029\u00a0",
    "markup": "[red]x[/red] :warning: [link=file:///etc]y",
    "blank": f"x{BLANK}y",
    "delete": "\x7f\x08\x08\x08",
}


def unplain(said: str) -> Iterator[str]:
    """Name what was shown that commands a terminal, or hides or feigns something."""
    for number, line in enumerate(said.split("\n"), 1):
        for each in line:
            if not each.isprintable() or each in BLANK:
                name = unicodedata.name(each, f"U+{ord(each):04X}")
                yield f"line {number}: {name} in {line!a:.200}"
