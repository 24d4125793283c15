"""Check that templates of SQL can be read: a value is named, or one of three.

`evident._fill` fills slots by name; by number `format` is for short pieces.
"""

import re
from collections.abc import Iterator

from pg_evident.workshop.check.findings import Finding, finding

MOST = 3

_COMMENT = re.compile(r"--[^\n]*")
_SLOT = re.compile(r"%(\d+)\$")


def check_templates(path: str, text: str) -> Iterator[Finding]:
    """Find the lines with a slot of format() whose number is above three."""
    code = _COMMENT.sub(lambda found: " " * len(found[0]), text)
    for number, line in enumerate(code.split("\n"), start=1):
        above = [slot for slot in _SLOT.findall(line) if int(slot) > MOST]
        if above:
            message = f"slot %{above[0]}$: name the values, and use evident._fill"
            yield finding(path, number, "template", message)
