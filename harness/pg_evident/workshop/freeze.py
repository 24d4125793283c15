"""Freeze sources into migrations and write everything derived from them."""

from pathlib import Path

from pg_evident.workshop.checksums import (
    CHECKSUMS,
    Checksums,
    digest,
    migration_files,
    read_checksums,
    render_checksums,
)
from pg_evident.workshop.installers import (
    INSTALL,
    UNINSTALL,
    render_install,
    render_uninstall,
)
from pg_evident.workshop.layout import REGION_BEGIN, REGION_END, VERSION, FreezeError
from pg_evident.workshop.regions import find_region, new_rollback, with_region
from pg_evident.workshop.rollbacks import generated_rollback
from pg_evident.workshop.signatures import created_objects
from pg_evident.workshop.sources import Migration, Tree, read_tree, replace_marks
from pg_evident.workshop.versions import version_text

__all__ = ["FreezeError", "freeze", "planned_files"]


def freeze(root: Path) -> list[Path]:
    """Bring migrations, rollbacks, checksums and install scripts up to date.

    `root` is the repository. Returns the paths written (below `root`, sorted), so an
    empty list means that nothing was stale. Raises FreezeError, with nothing written,
    when a closed file would change or a file cannot be understood.
    """
    written = []
    for path, text in sorted(planned_files(root).items()):
        target = root / path
        data = text.encode("ascii")
        if not target.is_file() or target.read_bytes() != data:
            target.write_bytes(data)
            written.append(target)
    return written


def planned_files(root: Path) -> dict[str, str]:
    """Give the text of every file that freeze owns, by relative path."""
    checksums = read_checksums(root)
    texts = migration_files(root)
    _refuse_changed_closed_files(checksums, texts)
    tree = read_tree(root)
    for path, text in tree.sources.items():
        # Here, so that an error names the source and not a copy yet to be written.
        created_objects(path, text)
    tree = _frozen_tree(tree, checksums)
    for index, migration in enumerate(tree.migrations):
        texts[migration.path] = migration.text
        path = migration.rollback_path
        if path in checksums.closed:
            continue
        rollback = texts.get(path) or new_rollback(migration, is_first=index == 0)
        if migration.marks and find_region(path, rollback) is None:
            message = f"add the lines {REGION_BEGIN} and {REGION_END} where they belong"
            raise FreezeError(path, 1, message)
        content = generated_rollback(tree.migrations, index)
        texts[path] = with_region(path, rollback, content)
    return texts | {
        CHECKSUMS: render_checksums(checksums, texts),
        INSTALL: render_install(tree.engine),
        UNINSTALL: render_uninstall(tree.engine, texts),
    }


def _refuse_changed_closed_files(checksums: Checksums, texts: dict[str, str]) -> None:
    for path, entry in checksums.closed.items():
        if path not in texts:
            message = f"missing, though closed by {entry.tag}: restore it"
            raise FreezeError(path, 1, message)
        if digest(texts[path]) != entry.digest:
            message = f"changed, though closed by {entry.tag}: restore it"
            raise FreezeError(path, 1, message)


def _frozen_tree(tree: Tree, checksums: Checksums) -> Tree:
    """Expand every include, then bring the newest copies up to date."""
    texts: dict[str, dict[str, str]] = {}
    for migration in tree.migrations:
        for mark in migration.marks:
            if mark.kind != "include":
                continue
            if migration.path in checksums.closed:
                message = "an include line in a closed migration: use a new one"
                raise FreezeError(migration.path, mark.line, message)
            if mark.source not in tree.sources:
                message = f"asks for {mark.source}, which does not exist"
                raise FreezeError(migration.path, mark.line, message)
            texts.setdefault(migration.path, {})[mark.source] = _text_for(
                tree, migration, mark.source
            )
    tree = _replaced(tree, texts)
    return _replaced(tree, _changed_sources(tree, checksums))


def _changed_sources(tree: Tree, checksums: Checksums) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    for source, text in tree.sources.items():
        newest = next(reversed(tree.history(source)), None)
        if newest is None or newest[1].kind == "removed" or newest[1].text == text:
            continue
        migration = newest[0]
        if migration.path in checksums.closed:
            tag = checksums.closed[migration.path].tag
            message = (
                f"changed since {migration.path}, which {tag} closed: "
                f"make a new migration with the line -- [include {source}]"
            )
            raise FreezeError(source, 1, message)
        wanted = _text_for(tree, migration, source)
        texts.setdefault(migration.path, {})[source] = wanted
    return texts


def _text_for(tree: Tree, migration: Migration, source: str) -> str:
    if source == VERSION:
        return version_text(tree, migration)
    return tree.sources[source]


def _replaced(tree: Tree, texts: dict[str, dict[str, str]]) -> Tree:
    engine, examples = (
        tuple(replace_marks(each, texts.get(each.path, {})) for each in migrations)
        for migrations in (tree.engine, tree.examples)
    )
    return Tree(engine, examples, tree.sources)
