"""Generate what undoes the frozen blocks of a migration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pg_evident.workshop.layout import FreezeError
from pg_evident.workshop.signatures import Created, created_objects
from pg_evident.workshop.sources import Mark, Migration, frozen_block
from pg_evident.workshop.statements import parse_statements
from pg_evident.workshop.subjects import grant_subjects

_GRANT = re.compile(r"grant\s+(.*?)\s+to\s+([^()]*?)(\s+with grant option)?", re.S)


@dataclass(frozen=True)
class _Copy:
    """Hold a frozen copy, where it stands, and its place among all copies."""

    migration: Migration
    mark: Mark
    age: tuple[int, int]


def generated_rollback(migrations: Sequence[Migration], index: int) -> str:
    """Write what undoes the blocks of `migrations[index]`, or raise FreezeError.

    The migrations stand in the order in which they run. First the objects go that are
    new or that the earlier copy could not replace, newest first, and the grants that
    the earlier copies do not make. Then these copies return, in the order in which
    they first ran, so that each finds what it needs. Last go the new objects that
    others used until their earlier copies were back.
    """
    migration = migrations[index]
    marks = [mark for mark in migration.marks if mark.kind != "include"]
    copies = {mark.source: _earlier(migrations[:index], mark) for mark in marks}
    created = {
        mark.source: created_objects(migration.path, mark.text, mark.line + 1)
        for mark in marks
    }
    old = {
        each.key: each
        for copy in copies.values()
        if copy is not None
        for each in created_objects(
            copy.migration.path, copy.mark.text, copy.mark.line + 1
        )
    }
    early, late = _drops([each for group in created.values() for each in group], old)
    gone = {each.identity for each in early + late}
    restored: list[_Copy] = []
    revokes: list[str] = []
    for mark in marks:
        copy = copies[mark.source]
        is_hit = any(each in early for each in created[mark.source])
        if copy is not None and (is_hit or copy.mark.text != mark.text):
            restored.append(copy)
            revokes += _revokes(migration, mark, copy, gone)
    parts = ["".join(f"{line}\n" for line in [*(e.drop for e in early), *revokes])]
    for copy in sorted(restored, key=lambda each: each.age):
        parts.append(frozen_block(copy.mark.source, copy.mark.text))
    parts.append("".join(f"{each.drop}\n" for each in late))
    return "\n".join(part for part in parts if part)


def _earlier(migrations: Sequence[Migration], mark: Mark) -> _Copy | None:
    """Find the newest copy in these migrations, None when it was removed since."""
    for position in reversed(range(len(migrations))):
        for old in migrations[position].marks:
            if old.source == mark.source and old.kind != "include":
                copy = _Copy(migrations[position], old, (position, old.line))
                return copy if old.kind == "block" else None
    return None


def _drops(
    created: Sequence[Created], old: Mapping[tuple[str, str], Created]
) -> tuple[list[Created], list[Created]]:
    """Choose what goes before the earlier copies return and what goes after."""
    keys = {each.key for each in created}
    # Beside its predecessor, an overload with defaults makes their calls ambiguous.
    resigned = {each.name for each in old.values() if each.key not in keys}
    forced: list[Created] = []
    for new in created:
        survivor = old.get(new.key)
        if survivor is None:
            is_stuck = new.name in resigned
        else:
            is_stuck = not new.can_become(survivor)
        if is_stuck or any(new.depends_on(each) for each in forced):
            forced.append(new)
    early: list[Created] = []
    late: list[Created] = []
    staying: list[Created] = []
    for new in reversed(created):
        is_added = new.key not in old
        # Dropping what a staying object uses fails until its earlier copy is back.
        is_free = not any(each.depends_on(new) for each in staying)
        if new in forced or (is_added and is_free):
            early.append(new)
            continue
        staying.append(new)
        if is_added:
            late.append(new)
    return early, late


def _revokes(migration: Migration, new: Mark, copy: _Copy, gone: set[str]) -> list[str]:
    """Take back the grants of the new copy that the earlier one does not make."""
    old = parse_statements(copy.migration.path, copy.mark.text, copy.mark.line + 1)
    known = {each.text for each in old}
    revokes = []
    for each in parse_statements(migration.path, new.text, new.line + 1):
        if each.kind != "GrantStmt" or not each.node.is_grant or each.text in known:
            continue
        if gone.intersection(grant_subjects(each.node)):
            continue
        found = _GRANT.fullmatch(each.text)
        if found is None:
            raise FreezeError(migration.path, each.line, "cannot undo this grant")
        revokes.append(f"revoke {found[1]} from {found[2]};")
    return revokes
