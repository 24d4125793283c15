"""Check the form of one migration: name, directives, prologue, version."""

import re
from collections.abc import Iterator

from pg_evident.workshop.check.findings import Finding, finding
from pg_evident.workshop.layout import (
    EXAMPLE_PROLOGUE,
    FUNCTIONS,
    LOCK_TIMEOUT,
    PROJECTIONS,
    PROLOGUE,
    RECORD,
    RECORD_BASELINE,
    REGION_BEGIN,
    VERSION,
)
from pg_evident.workshop.regions import find_region
from pg_evident.workshop.sources import Migration, Tree
from pg_evident.workshop.versions import stated_stem

_ENGINE_STEM = re.compile(r"\d{4}_[a-z0-9_]+")
_EXAMPLE_STEM = re.compile(r"shop_\d{4}_[a-z0-9_]+")
_DIRECTIVE = re.compile(r"-- (depends: [\w-]+|transactional: (true|false))")
_ALMOST_DIRECTIVE = re.compile(r"\s*-+\s*(depend\w*|transaction\w*)\s*[:=]", re.I)


def check_migration(
    tree: Tree, migration: Migration, rollback: str | None
) -> Iterator[Finding]:
    """Find what is wrong with the form of a forward file and its rollback."""
    yield from _check_stem(migration)
    yield from _check_depends(tree, migration)
    yield from _check_marks(tree, migration)
    yield from _check_version(migration)
    is_first = migration == tree.migrations[0]
    yield from _check_head(migration, migration.path, migration.text, is_first)
    path = migration.rollback_path
    if rollback is None:
        yield finding(path, 1, "rollback", "missing; freeze makes one to complete")
        return
    yield from _check_head(migration, path, rollback, is_first)
    if migration.marks and find_region(path, rollback) is None:
        yield finding(path, 1, "rollback", f"no line {REGION_BEGIN}")
    yield from _check_record(tree, migration, rollback)


def _check_stem(migration: Migration) -> Iterator[Finding]:
    pattern = _EXAMPLE_STEM if migration.is_example else _ENGINE_STEM
    if not pattern.fullmatch(migration.stem):
        message = f"the file name does not match {pattern.pattern}"
        yield finding(migration.path, 1, "file-name", message)


def _check_depends(tree: Tree, migration: Migration) -> Iterator[Finding]:
    siblings = tree.examples if migration.is_example else tree.engine
    position = siblings.index(migration)
    if position:
        allowed = [siblings[position - 1].stem]
    else:
        allowed = [m.stem for m in tree.engine] if migration.is_example else []
    found = migration.directives.get("depends", "").split()
    if not allowed:
        if found:
            message = "the first migration depends on nothing"
            yield finding(migration.path, 1, "depends", message)
    elif len(found) != 1 or found[0] not in allowed:
        wanted = allowed[0] if position else "an engine migration"
        message = f"needs `-- depends: {wanted}`, has {' '.join(found) or 'none'}"
        yield finding(migration.path, 1, "depends", message)
    elif not migration.text.startswith("-- depends: "):
        message = "the depends directive is not the first line"
        yield finding(migration.path, 1, "depends", message)


def _check_marks(tree: Tree, migration: Migration) -> Iterator[Finding]:
    folder = PROJECTIONS if migration.is_example else FUNCTIONS
    for mark in migration.marks:
        if mark.kind == "include":
            message = f"{mark.source} is not frozen; run freeze"
            yield finding(migration.path, mark.line, "include", message)
        if not mark.source.startswith(f"{folder}/"):
            message = f"{mark.source} does not belong here, only {folder} does"
            yield finding(migration.path, mark.line, "mixed-sources", message)


def _check_version(migration: Migration) -> Iterator[Finding]:
    if migration.is_example or not migration.is_transactional:
        return
    block = next((m for m in migration.blocks if m.source == VERSION), None)
    if block is None:
        message = f"no frozen copy of {VERSION}"
        yield finding(migration.path, 1, "version", message)
        return
    stated = stated_stem(migration.path, block.text, block.line + 1)
    if stated != migration.stem:
        message = f"states {stated}, not {migration.stem}"
        yield finding(migration.path, block.line, "version", message)


def _check_record(tree: Tree, migration: Migration, rollback: str) -> Iterator[Finding]:
    """Check that what a migration changed becomes what the guards expect."""
    if migration.is_example or not migration.is_transactional:
        return
    makers = [
        each
        for each in tree.engine
        if any(mark.source == RECORD_BASELINE for mark in each.marks)
    ]
    if not makers or tree.engine.index(migration) < tree.engine.index(makers[0]):
        return
    texts = {migration.path: migration.text}
    if migration != makers[0]:
        texts[migration.rollback_path] = rollback
    for path, text in texts.items():
        if not text.endswith(f"\n{RECORD}"):
            message = "does not end by evident._record_baseline() in a do block"
            yield finding(path, len(text.split("\n")) - 1, "baseline", message)


def _check_head(
    migration: Migration, path: str, text: str, is_first: bool
) -> Iterator[Finding]:
    """Check what stands before the first statement, and the prologue."""
    lines = text.split("\n")
    size = next(
        (n for n, line in enumerate(lines) if line and not line.startswith("--")),
        len(lines),
    )
    is_rollback = path == migration.rollback_path
    yield from _check_directives(path, lines, 0 if is_rollback else size)
    header = [line for line in lines[:size] if line.strip("- ")]
    if all(_DIRECTIVE.fullmatch(line) for line in header):
        yield finding(path, 1, "header", "no comment says what this is and locks")
    if lines[size:] and lines[size].lstrip().startswith("/*"):
        message = "block comment before the first statement hides the directives"
        yield finding(path, size + 1, "block-comment", message)
    if not migration.is_transactional:
        return
    prologue = EXAMPLE_PROLOGUE if migration.is_example else PROLOGUE
    if is_first:
        wanted = (LOCK_TIMEOUT,) if is_rollback else prologue
        missing = [line for line in wanted if line not in lines]
    else:
        present = lines[size : size + len(prologue)]
        missing = [] if present == list(prologue) else list(prologue)
    if missing:
        message = f"the prologue is missing or not first: {' '.join(missing)}"
        yield finding(path, size + 1, "prologue", message)


def _check_directives(path: str, lines: list[str], size: int) -> Iterator[Finding]:
    """Check that yoyo sees each directive: spelled so, in the first `size` lines."""
    for number, line in enumerate(lines, start=1):
        if not _ALMOST_DIRECTIVE.match(line):
            continue
        if not _DIRECTIVE.fullmatch(line):
            yield finding(path, number, "directive", f"yoyo may not read: {line}")
        elif number > size:
            message = "yoyo reads directives only at the head of a forward file"
            yield finding(path, number, "directive", message)
