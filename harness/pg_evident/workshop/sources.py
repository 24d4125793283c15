"""Model migrations and their sources as text, without a server."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from yoyo.migrations import parse_metadata_from_sql_comments

from pg_evident.migrate.upgrades import is_one_transaction
from pg_evident.workshop.layout import (
    EXAMPLES,
    FUNCTIONS,
    MIGRATIONS,
    PROJECTIONS,
    REGION_BEGIN,
    REGION_END,
    ROLLBACK_SUFFIX,
    FreezeError,
)

_MARKER = re.compile(
    r"-- \[(include|begin|end|removed) "
    r"(sql/(?:functions|projections)/(?:\w+/)*\w+\.sql)\]"
)
_ALMOST_MARKER = re.compile(r"\s*-+\s*\[\s*(?:include|begin|end|removed)\b", re.I)


@dataclass(frozen=True)
class Mark:
    """Hold one include line, frozen block or removal; lines count from 1."""

    kind: Literal["include", "block", "removed"]
    source: str
    line: int
    text: str = ""

    @property
    def end_line(self) -> int:
        """Give the line of the closing marker."""
        extra = self.text.count("\n") + 1 if self.kind == "block" else 0
        return self.line + extra


@dataclass(frozen=True)
class Migration:
    """Hold one forward migration; `path` is relative to the repository."""

    path: str
    text: str
    marks: tuple[Mark, ...]

    @property
    def stem(self) -> str:
        """Give the migration's id."""
        return PurePosixPath(self.path).stem

    @property
    def rollback_path(self) -> str:
        """Give the path of the migration that undoes this one."""
        return self.path.removesuffix(".sql") + ROLLBACK_SUFFIX

    @property
    def is_example(self) -> bool:
        """Tell whether this belongs to the opt-in second source."""
        return self.path.startswith(EXAMPLES + "/")

    @property
    def blocks(self) -> list[Mark]:
        """List the frozen copies in file order."""
        return [mark for mark in self.marks if mark.kind == "block"]

    @cached_property
    def directives(self) -> dict[str, str]:
        """Give the directives as yoyo reads them."""
        found: dict[str, str] = parse_metadata_from_sql_comments(self.text)[0]
        return found

    @property
    def is_transactional(self) -> bool:
        """Tell whether yoyo runs the file in one transaction."""
        return is_one_transaction(self.directives)


@dataclass(frozen=True)
class Tree:
    """Hold all migrations in the order in which they run, and all sources."""

    engine: tuple[Migration, ...]
    examples: tuple[Migration, ...]
    sources: Mapping[str, str]

    @property
    def migrations(self) -> tuple[Migration, ...]:
        """List the engine's migrations, then the examples'."""
        return self.engine + self.examples

    def history(self, source: str) -> list[tuple[Migration, Mark]]:
        """List the frozen copies and removals of one source, oldest first."""
        return [
            (migration, mark)
            for migration in self.migrations
            for mark in migration.marks
            if mark.source == source and mark.kind != "include"
        ]

    @property
    def marked_sources(self) -> list[str]:
        """List every source that some migration names, in order of path."""
        return sorted({mark.source for m in self.migrations for mark in m.marks})


def read_text(root: Path, path: str) -> str:
    """Read one ASCII file without translating line ends, or raise FreezeError."""
    data = (root / path).read_bytes()
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FreezeError(path, line, "has a byte that is not ASCII") from error


def frozen_block(source: str, text: str) -> str:
    """Wrap a source's text in its begin and end markers."""
    return f"-- [begin {source}]\n{text}-- [end {source}]\n"


def marker_lines(path: str, text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, kind and source of each marker; raise FreezeError for a bad one."""
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _MARKER.fullmatch(line):
            yield number, found[1], found[2]
        elif _ALMOST_MARKER.match(line) and line not in (REGION_BEGIN, REGION_END):
            raise FreezeError(path, number, f"not a marker as freeze reads it: {line}")


def parse_migration(path: str, text: str) -> Migration:
    """Find the marks of a forward migration, or raise FreezeError."""
    lines = text.split("\n")
    marks: list[Mark] = []
    opened: tuple[int, str] | None = None
    for number, kind, source in marker_lines(path, text):
        if opened is not None:
            begin, inside = opened
            if (kind, source) != ("end", inside):
                raise FreezeError(path, number, f"inside the block of {inside}")
            body = "".join(f"{line}\n" for line in lines[begin : number - 1])
            marks.append(Mark("block", source, begin, body))
            opened = None
        elif kind == "begin":
            opened = number, source
        elif kind == "end":
            raise FreezeError(path, number, f"end without begin: {source}")
        else:
            marks.append(
                Mark("include" if kind == "include" else "removed", source, number)
            )
    if opened is not None:
        raise FreezeError(path, opened[0], f"begin without end: {opened[1]}")
    seen: set[str] = set()
    for mark in marks:
        if mark.source in seen:
            raise FreezeError(path, mark.line, f"names {mark.source} twice")
        seen.add(mark.source)
    return Migration(path, text, tuple(marks))


def replace_marks(migration: Migration, texts: Mapping[str, str]) -> Migration:
    """Freeze the given texts, keyed by source, in place of their marks."""
    lines = migration.text.split("\n")
    for mark in reversed(migration.marks):
        if mark.source in texts:
            block = frozen_block(mark.source, texts[mark.source])
            lines[mark.line - 1 : mark.end_line] = block.split("\n")[:-1]
    return parse_migration(migration.path, "\n".join(lines))


def sql_files(root: Path, folder: str) -> list[str]:
    """List the SQL files directly in a folder, relative to root and sorted."""
    return sorted(f"{folder}/{found.name}" for found in (root / folder).glob("*.sql"))


def source_files(root: Path, folder: str) -> list[str]:
    """List the SQL files in a folder and the folders in it, as sql_files does."""
    found = (root / folder).rglob("*.sql")
    return sorted(path.relative_to(root).as_posix() for path in found)


def read_tree(root: Path) -> Tree:
    """Read every migration and source below root, or raise FreezeError."""
    engine, examples = (
        tuple(
            parse_migration(path, read_text(root, path))
            for path in sql_files(root, folder)
            if not path.endswith(ROLLBACK_SUFFIX)
        )
        for folder in (MIGRATIONS, EXAMPLES)
    )
    paths = source_files(root, FUNCTIONS) + source_files(root, PROJECTIONS)
    sources = {path: read_text(root, path) for path in paths}
    for path, text in sources.items():
        for number, kind, _ in marker_lines(path, text):
            raise FreezeError(path, number, f"a source cannot hold a {kind} marker")
        if not text.endswith("\n"):
            raise FreezeError(path, text.count("\n") + 1, "no line end at the end")
    return Tree(engine, examples, sources)
