"""Check, without a server, that the repository is what freeze would leave."""

from collections.abc import Iterator
from pathlib import Path

from pg_evident.workshop.check.collation import check_collation
from pg_evident.workshop.check.findings import Finding, collect
from pg_evident.workshop.check.frozen import (
    check_checksums,
    check_copies,
    check_installers,
    check_manifest,
    check_rollback_region,
    check_strays,
)
from pg_evident.workshop.check.locks import check_locks
from pg_evident.workshop.check.loops import check_loops
from pg_evident.workshop.check.migrations import check_migration
from pg_evident.workshop.check.sources import check_source
from pg_evident.workshop.check.statements import check_statements
from pg_evident.workshop.check.templates import check_templates
from pg_evident.workshop.check.text import (
    check_backslashes,
    check_bytes,
    check_migration_columns,
    check_source_columns,
)
from pg_evident.workshop.checksums import migration_files, read_checksums
from pg_evident.workshop.sources import Tree, read_tree

__all__ = ["Finding", "check"]


def check(root: Path) -> list[Finding]:
    """Find every broken rule below the repository `root`; none means fine.

    Sorted by path and line, paths relative to `root`. Raises nothing for what the
    files hold: what cannot be read is a finding of the rule `unreadable`.
    """
    found = collect(check_bytes(root))
    if not any(each.rule == "ascii" for each in found):
        found += collect(_check_tree(root))
    return sorted(set(found))


def _check_tree(root: Path) -> Iterator[Finding]:
    tree = read_tree(root)
    for part in _parts(root, tree):
        # Collected one by one: a file that cannot be read hides no other finding.
        yield from collect(part)


def _parts(root: Path, tree: Tree) -> Iterator[Iterator[Finding]]:
    texts = migration_files(root)
    checksums = read_checksums(root)
    yield check_copies(tree)
    yield check_manifest(root, tree, checksums)
    yield check_checksums(checksums, texts)
    yield check_installers(root, tree, texts)
    yield check_strays(root, tree, texts)
    yield check_backslashes(tree)
    yield check_source_columns(tree)
    yield check_locks(root)
    for path, text in tree.sources.items():
        yield check_source(path, text)
        yield check_collation(path, text)
        yield check_loops(path, text)
        yield check_templates(path, text)
    for index, migration in enumerate(tree.migrations):
        rollback = texts.get(migration.rollback_path)
        yield check_migration(tree, migration, rollback)
        yield check_migration_columns(migration, rollback)
        yield check_rollback_region(tree, index, checksums, texts)
        for path in (migration.path, migration.rollback_path):
            if path in texts:
                is_transactional = migration.is_transactional
                yield check_statements(root, path, texts[path], is_transactional)
