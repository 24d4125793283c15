"""Find and fill the generated region of a rollback file."""

from pg_evident.workshop.layout import (
    EXAMPLE_PROLOGUE,
    LOCK_TIMEOUT,
    PROLOGUE,
    REGION_BEGIN,
    REGION_END,
    FreezeError,
)
from pg_evident.workshop.sources import Migration


def find_region(path: str, text: str) -> tuple[int, int] | None:
    """Find the lines of the generated region's markers, from 1."""
    lines = text.split("\n")
    begins = [n for n, line in enumerate(lines, start=1) if line == REGION_BEGIN]
    ends = [n for n, line in enumerate(lines, start=1) if line == REGION_END]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        line = (begins + ends)[-1]
        raise FreezeError(path, line, "the generated region needs one begin, one end")
    return begins[0], ends[0]


def region_text(path: str, text: str) -> str | None:
    """Give what stands in the generated region, None without one."""
    if (found := find_region(path, text)) is None:
        return None
    begin, end = found
    return "".join(f"{line}\n" for line in text.split("\n")[begin : end - 1])


def with_region(path: str, text: str, content: str) -> str:
    """Put new content into the generated region of a rollback that has one."""
    if (found := find_region(path, text)) is None:
        return text
    begin, end = found
    lines = text.split("\n")
    lines[begin : end - 1] = content.split("\n")[:-1]
    return "\n".join(lines)


def new_rollback(migration: Migration, is_first: bool) -> str:
    """Write the rollback file that an author then completes."""
    header = f"-- Undoes {migration.stem}.\n"
    if not migration.is_transactional:
        # Not even a region: such a file holds one statement, and nothing is frozen.
        return header
    # The first rollback drops the role, which nobody can do while being that role.
    usual = EXAMPLE_PROLOGUE if migration.is_example else PROLOGUE
    prologue = (LOCK_TIMEOUT,) if is_first else usual
    return "\n".join((header, *prologue, "", REGION_BEGIN, REGION_END, ""))
