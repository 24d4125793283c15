"""Read and write migrations/CHECKSUMS, part of which a release has closed."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pg_evident.workshop.layout import EXAMPLES, MIGRATIONS
from pg_evident.workshop.sources import read_text, sql_files

CHECKSUMS = "migrations/CHECKSUMS"

_ENTRY = re.compile(r"([0-9a-f]{64})  (\S+\.sql)")
_CLOSED = re.compile(r"# closed by (\S+)")


@dataclass(frozen=True)
class Entry:
    """Hold one line: its number, the digest, the file and the tag that closed it."""

    line: int
    digest: str
    path: str
    tag: str | None


@dataclass(frozen=True)
class Checksums:
    """Hold the entries, the verbatim closed part and the lines that are neither."""

    text: str
    closed_text: str
    entries: tuple[Entry, ...]
    strays: tuple[int, ...]

    @property
    def closed(self) -> dict[str, Entry]:
        """Give the immutable files by path, relative to the repository."""
        return {each.path: each for each in self.entries if each.tag is not None}


def digest(text: str) -> str:
    """Give the SHA-256 of an ASCII file's text, in hexadecimal."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def parse_checksums(text: str) -> Checksums:
    """Parse the file; each `# closed by <tag>` closes what stands above it."""
    lines = text.split("\n")
    entries: list[Entry] = []
    strays: list[int] = []
    closed_lines = 0
    tag: str | None = None
    for number in range(len(lines), 0, -1):
        line = lines[number - 1]
        if found := _CLOSED.fullmatch(line):
            tag = found[1]
            closed_lines = max(closed_lines, number)
        elif found := _ENTRY.fullmatch(line):
            entries.insert(0, Entry(number, found[1], f"{MIGRATIONS}/{found[2]}", tag))
        elif line:
            strays.insert(0, number)
    closed_text = "".join(f"{line}\n" for line in lines[:closed_lines])
    return Checksums(text, closed_text, tuple(entries), tuple(strays))


def read_checksums(root: Path) -> Checksums:
    """Read the file below root; a missing one is empty."""
    exists = (root / CHECKSUMS).is_file()
    return parse_checksums(read_text(root, CHECKSUMS) if exists else "")


def render_checksums(checksums: Checksums, texts: Mapping[str, str]) -> str:
    """Keep the closed part as it is and list every other file, sorted by path."""
    closed = checksums.closed
    lines = sorted(
        (path.removeprefix(f"{MIGRATIONS}/"), digest(text))
        for path, text in texts.items()
        if path not in closed
    )
    return checksums.closed_text + "".join(f"{sha}  {path}\n" for path, sha in lines)


def migration_files(root: Path) -> dict[str, str]:
    """Read every forward and rollback file, keyed by path relative to root."""
    paths = sql_files(root, MIGRATIONS) + sql_files(root, EXAMPLES)
    return {path: read_text(root, path) for path in paths}
