"""Hold what `evident check` finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pg_evident.workshop.layout import FreezeError


@dataclass(frozen=True, order=True)
class Finding:
    """Hold one broken rule: `path` relative to the repository, `line` from 1."""

    path: Path
    line: int
    rule: str
    message: str


def finding(path: str, line: int, rule: str, message: str) -> Finding:
    """Make a finding from a relative path in text form."""
    return Finding(Path(path), line, rule, message)


def collect(findings: Iterator[Finding]) -> list[Finding]:
    """Run one check; what it cannot read becomes a finding, too."""
    found = []
    try:
        for each in findings:
            found.append(each)
    except FreezeError as error:
        found.append(finding(error.path, error.line, "unreadable", error.message))
    return found
