"""Check that sources, frozen copies and generated files agree."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from pg_evident.workshop.check.findings import Finding, finding
from pg_evident.workshop.checksums import CHECKSUMS, Checksums, digest, render_checksums
from pg_evident.workshop.installers import (
    INSTALL,
    UNINSTALL,
    render_install,
    render_uninstall,
)
from pg_evident.workshop.layout import (
    EXAMPLES,
    FUNCTIONS,
    MANIFEST,
    MIGRATIONS,
    ROLLBACK_SUFFIX,
    VERSION,
)
from pg_evident.workshop.regions import find_region, region_text
from pg_evident.workshop.rollbacks import generated_rollback
from pg_evident.workshop.sources import Tree, read_text

_MANIFEST_LINE = re.compile(r"((?:\w+/)*\w+\.sql)|# \S.*|")


def check_copies(tree: Tree) -> Iterator[Finding]:
    """Find sources that differ from their newest copy, or that only one side has."""
    for source in sorted({*tree.sources, *tree.marked_sources}):
        newest = next(reversed(tree.history(source)), None)
        text = tree.sources.get(source)
        if newest is None:
            if text is not None:
                message = "in no migration; write an include line and run freeze"
                yield finding(source, 1, "unfrozen", message)
            continue
        migration, mark = newest
        if mark.kind == "removed":
            if text is not None:
                message = f"{migration.path} removes it, but it is there"
                yield finding(source, 1, "unfrozen", message)
        elif text is None:
            message = f"{source} does not exist, and no later line removes it"
            yield finding(migration.path, mark.line, "no-source", message)
        elif text != mark.text:
            message = f"differs from its newest copy in {migration.path}"
            yield finding(source, 1, "source-differs", message)


def check_manifest(root: Path, tree: Tree, checksums: Checksums) -> Iterator[Finding]:
    """Find files that MANIFEST misses or invents, and blocks in another order.

    Names of functions are unique, whatever folder their files lie in.
    """
    on_disk = {path for path in tree.sources if path.startswith(f"{FUNCTIONS}/")}
    exists = (root / MANIFEST).is_file()
    lines = read_text(root, MANIFEST).split("\n") if exists else []
    order: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        found = _MANIFEST_LINE.fullmatch(line)
        path = f"{FUNCTIONS}/{found[1]}" if found and found[1] else ""
        if not found:
            message = (
                f"neither the path of a file in this folder nor a `# group`: {line}"
            )
            yield finding(MANIFEST, number, "manifest", message)
        elif path in order:
            yield finding(MANIFEST, number, "manifest", f"{line} stands here twice")
        elif path:
            order[path] = number
            if path not in on_disk:
                yield finding(MANIFEST, number, "manifest", f"{line} does not exist")
    places: dict[str, str] = {}
    for path in sorted(on_disk):
        first = places.setdefault(PurePosixPath(path).name, path)
        if first != path:
            yield finding(path, 1, "source-name", f"{first} has the same name")
    for path in sorted(on_disk - order.keys()):
        yield finding(path, 1, "manifest", f"not listed in {MANIFEST}")
    for migration in tree.engine:
        if migration.path in checksums.closed:
            continue
        reached = 0
        for mark in migration.marks:
            # The version stands last in a migration, whatever the reference says.
            is_free = mark.kind == "removed" or mark.source == VERSION
            if is_free or mark.source not in order:
                continue
            if order[mark.source] < reached:
                message = f"{mark.source} comes earlier in {MANIFEST}"
                yield finding(migration.path, mark.line, "block-order", message)
            reached = max(reached, order[mark.source])


def check_checksums(
    checksums: Checksums, texts: Mapping[str, str]
) -> Iterator[Finding]:
    """Find files that changed, that are not listed, and lines without a file."""
    listed: set[str] = set()
    is_sound = True
    for entry in checksums.entries:
        message = ""
        if entry.path in listed:
            message = f"{entry.path} stands here twice"
        elif entry.path not in texts:
            message = f"{entry.path} does not exist"
        elif digest(texts[entry.path]) != entry.digest:
            remedy = f"closed by {entry.tag}: restore it" if entry.tag else "run freeze"
            message = f"{entry.path} changed; {remedy}"
        listed.add(entry.path)
        if message:
            is_sound = False
            yield finding(CHECKSUMS, entry.line, "checksum", message)
    for line in checksums.strays:
        yield finding(CHECKSUMS, line, "checksum", "neither a checksum nor a closing")
    for path in sorted(texts.keys() - listed):
        yield finding(path, 1, "checksum", f"not listed in {CHECKSUMS}")
    is_sound = is_sound and not checksums.strays and texts.keys() == listed
    if is_sound and render_checksums(checksums, texts) != checksums.text:
        yield finding(CHECKSUMS, 1, "checksum", "not in order; run freeze")


def check_rollback_region(
    tree: Tree, index: int, checksums: Checksums, texts: Mapping[str, str]
) -> Iterator[Finding]:
    """Find a generated region that freeze would write otherwise."""
    path = tree.migrations[index].rollback_path
    # A closed one was right when it was released, by the freeze of that time.
    if path not in texts or path in checksums.closed:
        return
    found = find_region(path, texts[path])
    if found is not None and region_text(path, texts[path]) != generated_rollback(
        tree.migrations, index
    ):
        message = "not what freeze generates; run freeze"
        yield finding(path, found[0], "stale-rollback", message)


def check_installers(
    root: Path, tree: Tree, texts: Mapping[str, str]
) -> Iterator[Finding]:
    """Find an install or uninstall script that freeze would write otherwise."""
    wanted = {INSTALL: render_install(tree.engine)}
    if all(each.rollback_path in texts for each in tree.engine):
        wanted[UNINSTALL] = render_uninstall(tree.engine, texts)
    for path, text in wanted.items():
        if not (root / path).is_file():
            yield finding(path, 1, "stale-script", "missing; run freeze")
        elif read_text(root, path) != text:
            yield finding(path, 1, "stale-script", "not up to date; run freeze")


def check_strays(root: Path, tree: Tree, texts: Mapping[str, str]) -> Iterator[Finding]:
    """Find rollbacks that undo no migration, and migrations that are not SQL."""
    wanted = {each.rollback_path for each in tree.migrations}
    for path in texts:
        if path.endswith(ROLLBACK_SUFFIX) and path not in wanted:
            yield finding(path, 1, "rollback", "there is no such migration")
    for folder in (MIGRATIONS, EXAMPLES):
        for found in (root / folder).glob("*.py"):
            message = "yoyo would run this; migrations are SQL alone"
            yield finding(f"{folder}/{found.name}", 1, "file-name", message)
