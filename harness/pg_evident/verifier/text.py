"""The one renderer of untrusted text: what people see of it cannot command a terminal.

It imports nothing, so that the verifier and all other commands can share it.
"""

from __future__ import annotations

import re

# Characters of one text before it is cut.
MOST = 500

# Printable to Unicode, yet invisible or blank: they hide or feign what stands there.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def plain(text: object, most: int = MOST) -> str:
    """Write any text as one line of visible characters, for people.

    Everything else (control characters, line ends, C1, marks of direction, zero width,
    lone surrogates) is written as its code, such as `\\x1b`. What is longer than `most`
    characters is cut, with the number of those left out.
    """
    line = str(text)
    left = len(line) - most
    if left > 0:
        line = line[:most]
    if not line.isprintable() or (not line.isascii() and _UNSEEN.search(line)):
        line = "".join(_visible(each) for each in line)
    return f"{line}… ({left:,} more characters)" if left > 0 else line


def plain_json(line: str) -> str:
    """Write a JSON text with every unseen character as an escape: the same value."""
    if line.isprintable() and (line.isascii() or not _UNSEEN.search(line)):
        return line
    return "".join(
        each if each.isprintable() and not _UNSEEN.match(each) else _escape(each)
        for each in line
    )


def _visible(char: str) -> str:
    if char.isprintable() and not _UNSEEN.match(char):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(
        f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2)
    )
