"""Check: lock spaces of the sources and of the architecture's page. No database."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_evident.places import ROOT
from pg_evident.workshop.check.locks import PAGE, RESERVED, check_locks
from pg_evident.workshop.check.run import check
from plain.small_tree import edit, frozen_tree, read, write

AGGREGATE = "sql/functions/append/_lock_aggregate.sql"
HELPER = "sql/functions/_lock_number.sql"
PROJECTION = "sql/functions/_lock_projection.sql"
TABLE = """\
# Architecture

| number | name | lower 48 bits | taken by | held |
|---|---|---|---|---|
| 17751 | aggregate | hash of the uuid | `_lock_aggregate` | exclusive |
| 17752 | projection | its number | `_lock_projection` | exclusive |
| 17758, 17759 | reserved | | | |
"""
# As they stand in sql/functions, without what the rule does not look at.
SOURCES = {
    AGGREGATE: """\
-- Locks: 17753 in a comment means nothing, nor does pg_advisory_lock(1).
select pg_advisory_xact_lock(
    (17751::bigint << 48)
    | (uuid_hash_extended(p_aggregate_id, 0) & ((1::bigint << 48) - 1))
) is not null;
""",
    HELPER: """\
perform pg_advisory_xact_lock((p_space << 48) | v_number);
""",
    PROJECTION: """\
return evident._lock_number(p_name, 17752);
""",
    "sql/functions/blocker.sql": """\
select t.space between 17751 and 17759;
""",
}
KEYS = """\
for v_lock in
    select distinct (17758::bigint << 48) | k.key as lock
loop
    perform pg_advisory_xact_lock(v_lock);
end loop;
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a tree whose page and sources agree."""
    write(tmp_path, PAGE, TABLE)
    for path, text in SOURCES.items():
        write(tmp_path, path, text)
    return tmp_path


def found(root: Path) -> list[tuple[str, int, str]]:
    """List path, line and message of what the rule finds."""
    findings = [(each.path.as_posix(), each.line, each) for each in check_locks(root)]
    assert {each.rule for *_, each in findings} <= {"lock-space"}
    return [(path, line, each.message) for path, line, each in findings]


def test_page_and_sources_that_agree_have_no_findings(tree: Path) -> None:
    assert found(tree) == []


def test_a_number_that_the_page_lacks_is_found(tree: Path) -> None:
    edit(tree, AGGREGATE, "17751", "20000")
    assert found(tree) == [
        (AGGREGATE, 3, f"lock space 20000 stands in no row of {PAGE}"),
        (PAGE, 5, "_lock_aggregate does not take lock space 17751"),
    ]


def test_a_number_that_goes_through_the_helper_is_found(tree: Path) -> None:
    edit(tree, PROJECTION, "17752", "17750")
    assert found(tree) == [
        (PROJECTION, 1, f"lock space 17750 stands in no row of {PAGE}"),
        (PAGE, 6, "_lock_projection does not take lock space 17752"),
    ]


def test_a_number_that_a_source_only_reads_is_found(tree: Path) -> None:
    edit(tree, "sql/functions/blocker.sql", "17751 and 17759", "17750 and 17759")
    assert [each[2] for each in found(tree)] == [
        f"lock space 17750 stands in no row of {PAGE}"
    ]


def test_a_row_that_no_source_takes_is_found(tree: Path) -> None:
    (tree / PROJECTION).unlink()
    message = "_lock_projection does not take lock space 17752"
    assert found(tree) == [(PAGE, 6, message)]


def test_two_functions_that_share_a_number_are_found(tree: Path) -> None:
    edit(tree, PROJECTION, "17752", "17751")
    edit(tree, PAGE, "| 17752 | projection", "| none | projection")
    message = "_lock_projection takes lock space 17751 but is not in its row"
    assert found(tree) == [(PAGE, 5, message)]


def test_two_rows_with_one_number_are_found(tree: Path) -> None:
    edit(tree, PAGE, "| 17752 |", "| 17751 |")
    edit(tree, PAGE, "`_lock_projection`", "`_lock_aggregate`")
    (tree / PROJECTION).unlink()
    assert found(tree) == [(PAGE, 6, "lock space 17751 stands in the table twice")]


def test_a_reserved_number_that_is_taken_is_found(tree: Path) -> None:
    write(tree, "sql/functions/projections/_lock_keys.sql", KEYS)
    message = "_lock_keys takes lock space 17758 but is not in its row"
    assert found(tree) == [(PAGE, 7, message)]
    edit(tree, PAGE, "| 17758, 17759 | reserved | | |", "| 17759 | reserved | | |")
    row = "| 17758 | key | its hash | `_lock_keys` | exclusive |\n"
    write(tree, PAGE, read(tree, PAGE) + row)
    assert found(tree) == []


@pytest.mark.parametrize(
    "call",
    [
        "pg_advisory_xact_lock(42)",
        "pg_advisory_xact_lock(17751, v_number)",
        "pg_try_advisory_xact_lock_shared(hashtextextended(p_name, 0))",
        "pg_advisory_xact_lock(v_lock)",
    ],
)
def test_a_key_without_a_space_is_found(tree: Path, call: str) -> None:
    write(tree, "sql/functions/feed/other.sql", f"\nperform {call};\n")
    message = "an advisory lock whose key has no lock space in its upper bits"
    assert found(tree) == [("sql/functions/feed/other.sql", 2, message)]


@pytest.mark.parametrize(
    "call", ["pg_advisory_lock", "pg_try_advisory_lock", "pg_advisory_lock_shared"]
)
def test_a_lock_of_the_session_is_found(tree: Path, call: str) -> None:
    edit(tree, AGGREGATE, "select pg_advisory_xact_lock(", f"select {call}(")
    message = "an advisory lock that outlives its transaction"
    assert found(tree) == [(AGGREGATE, 2, message)]


def test_without_the_page_each_number_is_found(tree: Path) -> None:
    (tree / PAGE).unlink()
    assert {path for path, *_ in found(tree)} == set(SOURCES) - {HELPER}


def test_check_runs_the_rule(tmp_path: Path) -> None:
    root = frozen_tree(tmp_path)
    assert check(root) == []
    edit(root, "sql/functions/helper.sql", "select 1", "select 17751")
    assert "lock-space" in {each.rule for each in check(root)}


def test_the_page_lists_every_number_that_the_store_reserves() -> None:
    lines = read(ROOT, PAGE).splitlines()
    rows = [each for each in lines if each.startswith("| 1775")]
    numbers = [int(each) for row in rows for each in row.split("|")[1].split(",")]
    assert sorted(numbers) == list(RESERVED)
    assert list(check_locks(ROOT)) == []
