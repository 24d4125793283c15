"""Check: every rule is shown to fail on a broken tree. No database."""

from pathlib import Path

import pytest

from pg_evident.workshop.check.collation import check_collation
from pg_evident.workshop.check.run import Finding, check
from pg_evident.workshop.freeze import freeze
from pg_evident.workshop.layout import RECORD
from plain.small_tree import (
    add_migration,
    close,
    edit,
    frozen_tree,
    function,
    include,
    read,
    write,
)

BASE = "migrations/0001_base.sql"
BASE_ROLLBACK = "migrations/0001_base.rollback.sql"
MORE = "migrations/0002_more.sql"
MORE_ROLLBACK = "migrations/0002_more.rollback.sql"
EXAMPLE = "migrations/examples/shop_0001_sales.sql"
CHECKSUMS = "migrations/CHECKSUMS"
MANIFEST = "sql/functions/MANIFEST"
HELPER = "sql/functions/helper.sql"
VERSION = "sql/functions/core/version.sql"
SALES = "sql/projections/sales.sql"
FOLD = """\
-- shop.sales: a row for each order.

create or replace function shop.apply_sales(p_row shop.sales)
returns shop.sales
language plpgsql
immutable
parallel safe
as $function$
begin
    return p_row;
end;
$function$;
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a tree without findings."""
    return frozen_tree(tmp_path)


def found(root: Path, rule: str) -> list[tuple[str, int]]:
    """Give path and line of the findings of one rule."""
    findings = [each for each in check(root) if each.rule == rule]
    return [(each.path.as_posix(), each.line) for each in findings]


def line_of(root: Path, path: str, text: str) -> int:
    """Give the number of the first line that starts so."""
    lines = read(root, path).split("\n")
    return next(n for n, line in enumerate(lines, start=1) if line.startswith(text))


def test_a_finding_has_a_relative_path_and_a_message(tree: Path) -> None:
    edit(tree, HELPER, "select 1", "select 2")
    (finding,) = check(tree)
    assert finding == Finding(
        Path(HELPER), 1, "source-differs", f"differs from its newest copy in {BASE}"
    )


def test_an_empty_tree_lacks_only_the_install_scripts(tmp_path: Path) -> None:
    assert {each.rule for each in check(tmp_path)} == {"stale-script"}


# Sources and their copies


def test_a_changed_source_is_found(tree: Path) -> None:
    edit(tree, HELPER, "select 1", "select 2")
    assert found(tree, "source-differs") == [(HELPER, 1)]


def test_a_source_in_no_migration_is_found(tree: Path) -> None:
    write(tree, "sql/functions/extra.sql", function("extra"))
    assert found(tree, "unfrozen") == [("sql/functions/extra.sql", 1)]


def test_a_block_without_source_is_found(tree: Path) -> None:
    (tree / HELPER).unlink()
    line = line_of(tree, BASE, f"-- [begin {HELPER}]")
    assert found(tree, "no-source") == [(BASE, line)]


def test_a_removed_source_that_is_there_is_found(tree: Path) -> None:
    add_migration(tree, "0003_next", "0002_more", f"-- [removed {HELPER}]\n")
    freeze(tree)
    assert found(tree, "unfrozen") == [(HELPER, 1)]


def test_an_unexpanded_include_is_found(tree: Path) -> None:
    write(tree, MORE, read(tree, MORE) + include("helper"))
    assert found(tree, "include") == [(MORE, line_of(tree, MORE, "-- [include"))]


def test_an_example_in_the_engine_is_found(tree: Path) -> None:
    body = "-- [include sql/projections/sales.sql]\n"
    add_migration(tree, "0003_next", "0002_more", body)
    freeze(tree)
    assert [path for path, _ in found(tree, "mixed-sources")] == [
        "migrations/0003_next.sql"
    ]


def test_an_engine_function_in_an_example_is_found(tree: Path) -> None:
    write(tree, EXAMPLE, read(tree, EXAMPLE) + include("helper"))
    assert found(tree, "mixed-sources")[0][0] == EXAMPLE


@pytest.mark.parametrize("line", ["-- [include helper.sql]", "-- [Begin x]"])
def test_a_malformed_marker_is_found(tree: Path, line: str) -> None:
    write(tree, MORE, f"{read(tree, MORE)}{line}\n")
    assert found(tree, "unreadable") == [(MORE, line_of(tree, MORE, line))]


# The baseline


def test_a_migration_that_does_not_record_the_baseline_is_found(tree: Path) -> None:
    source = "sql/functions/guards/_record_baseline.sql"
    write(tree, source, function("_record_baseline"))
    edit(tree, MANIFEST, "helper.sql\n", "helper.sql\nguards/_record_baseline.sql\n")
    write(tree, MORE, read(tree, MORE) + include("guards/_record_baseline"))
    add_migration(tree, "0003_next", "0002_more", "")
    freeze(tree)
    paths = [MORE, "migrations/0003_next.rollback.sql", "migrations/0003_next.sql"]
    assert sorted(path for path, _ in found(tree, "baseline")) == sorted(paths)
    for path in paths:
        write(tree, path, f"{read(tree, path)}\n{RECORD}")
    freeze(tree)
    assert found(tree, "baseline") == []


# MANIFEST


def test_a_file_that_manifest_misses_is_found(tree: Path) -> None:
    edit(tree, MANIFEST, "helper.sql\n", "")
    assert found(tree, "manifest") == [(HELPER, 1)]


def test_a_file_that_manifest_invents_is_found(tree: Path) -> None:
    edit(tree, MANIFEST, "helper.sql\n", "helper.sql\nextra.sql\n")
    assert found(tree, "manifest") == [(MANIFEST, 3)]


def test_a_file_twice_in_manifest_is_found(tree: Path) -> None:
    edit(tree, MANIFEST, "helper.sql\n", "helper.sql\nhelper.sql\n")
    assert found(tree, "manifest") == [(MANIFEST, 3)]


def test_two_files_of_one_name_in_two_folders_are_found(tree: Path) -> None:
    write(tree, "sql/functions/other/helper.sql", function("helper"))
    edit(tree, MANIFEST, "helper.sql\n", "helper.sql\nother/helper.sql\n")
    assert found(tree, "source-name") == [("sql/functions/other/helper.sql", 1)]


@pytest.mark.parametrize("line", ["helper", "sql/functions/helper.sql", "#group"])
def test_another_line_in_manifest_is_found(tree: Path, line: str) -> None:
    edit(tree, MANIFEST, "helper.sql\n", f"helper.sql\n{line}\n")
    assert found(tree, "manifest") == [(MANIFEST, 3)]


def test_blocks_against_the_order_of_manifest_are_found(tree: Path) -> None:
    for name in ("one", "two"):
        write(tree, f"sql/functions/{name}.sql", function(name))
    edit(tree, MANIFEST, "helper.sql\n", "helper.sql\none.sql\ntwo.sql\n")
    add_migration(tree, "0003_next", "0002_more", include("two", "one"))
    freeze(tree)
    path = "migrations/0003_next.sql"
    line = line_of(tree, path, "-- [begin sql/functions/one.sql]")
    assert found(tree, "block-order") == [(path, line)]


# CHECKSUMS


def test_a_changed_checksum_is_found(tree: Path) -> None:
    write(tree, MORE, read(tree, MORE) + "\n-- more\n")
    line = next(
        number
        for number, text in enumerate(read(tree, CHECKSUMS).split("\n"), start=1)
        if text.endswith("  0002_more.sql")
    )
    assert found(tree, "checksum") == [(CHECKSUMS, line)]


def test_a_changed_closed_file_is_found(tree: Path) -> None:
    close(tree)
    write(tree, MORE, read(tree, MORE) + "\n-- more\n")
    messages = [each.message for each in check(tree) if each.rule == "checksum"]
    assert messages == [f"{MORE} changed; closed by v1.0.0: restore it"]


def test_a_file_without_checksum_is_found(tree: Path) -> None:
    lines = read(tree, CHECKSUMS).split("\n")
    write(tree, CHECKSUMS, "\n".join(lines[1:]))
    assert found(tree, "checksum") == [(BASE_ROLLBACK, 1)]


def test_a_checksum_without_file_is_found(tree: Path) -> None:
    write(tree, CHECKSUMS, read(tree, CHECKSUMS) + f"{'0' * 64}  0009_gone.sql\n")
    assert found(tree, "checksum") == [(CHECKSUMS, 7)]


@pytest.mark.parametrize("line", ["# a comment", "0123  0001_base.sql"])
def test_a_stray_line_in_checksums_is_found(tree: Path, line: str) -> None:
    write(tree, CHECKSUMS, read(tree, CHECKSUMS) + f"{line}\n")
    assert found(tree, "checksum") == [(CHECKSUMS, 7)]


def test_a_file_twice_in_checksums_is_found(tree: Path) -> None:
    text = read(tree, CHECKSUMS)
    write(tree, CHECKSUMS, text + text.split("\n")[0] + "\n")
    assert found(tree, "checksum") == [(CHECKSUMS, 7)]


def test_checksums_out_of_order_are_found(tree: Path) -> None:
    lines = read(tree, CHECKSUMS).splitlines()
    write(tree, CHECKSUMS, "\n".join([*reversed(lines), ""]))
    assert found(tree, "checksum") == [(CHECKSUMS, 1)]


# Rollbacks and generated scripts


def test_a_missing_rollback_is_found(tree: Path) -> None:
    (tree / MORE_ROLLBACK).unlink()
    assert found(tree, "rollback") == [(MORE_ROLLBACK, 1)]


def test_a_rollback_without_migration_is_found(tree: Path) -> None:
    path = "migrations/0009_gone.rollback.sql"
    write(tree, path, read(tree, MORE_ROLLBACK))
    assert found(tree, "rollback") == [(path, 1)]


def test_a_rollback_without_region_is_found(tree: Path) -> None:
    text = read(tree, MORE_ROLLBACK)
    write(tree, MORE_ROLLBACK, text.partition("-- [begin generated")[0])
    assert found(tree, "rollback") == [(MORE_ROLLBACK, 1)]


def test_a_stale_generated_region_is_found(tree: Path) -> None:
    edit(tree, BASE_ROLLBACK, "drop function evident.version();\n", "")
    line = line_of(tree, BASE_ROLLBACK, "-- [begin generated")
    assert found(tree, "stale-rollback") == [(BASE_ROLLBACK, line)]


def test_a_half_region_is_found(tree: Path) -> None:
    edit(tree, MORE_ROLLBACK, "-- [end generated rollback]\n", "")
    line = line_of(tree, MORE_ROLLBACK, "-- [begin generated")
    assert found(tree, "unreadable") == [(MORE_ROLLBACK, line)]


@pytest.mark.parametrize("path", ["sql/install.sql", "sql/uninstall.sql"])
def test_a_stale_script_is_found(tree: Path, path: str) -> None:
    write(tree, path, read(tree, path) + "\n-- more\n")
    assert found(tree, "stale-script") == [(path, 1)]


@pytest.mark.parametrize("path", ["sql/install.sql", "sql/uninstall.sql"])
def test_a_missing_script_is_found(tree: Path, path: str) -> None:
    (tree / path).unlink()
    assert found(tree, "stale-script") == [(path, 1)]


# The form of migrations


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (MORE, "migrations/more.sql"),
        (EXAMPLE, "migrations/examples/0001_sales.sql"),
    ],
)
def test_a_misnamed_migration_is_found(tree: Path, path: str, name: str) -> None:
    (tree / path).rename(tree / name)
    assert found(tree, "file-name") == [(name, 1)]


def test_a_migration_in_python_is_found(tree: Path) -> None:
    write(tree, "migrations/0003_next.py", "steps = []\n")
    assert found(tree, "file-name") == [("migrations/0003_next.py", 1)]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (MORE, "-- depends: 0001_base\n", ""),
        (MORE, "-- depends: 0001_base\n", "-- depends: 0002_more\n"),
        (MORE, "-- depends: 0001_base\n", "-- depends: 0001_base 0001_base\n"),
        (MORE, "-- depends: 0001_base\n", "-- First.\n-- depends: 0001_base\n"),
        (BASE, "-- The schema", "-- depends: 0002_more\n-- The schema"),
        (EXAMPLE, "-- depends: 0001_base\n", "-- depends: shop_0001_sales\n"),
    ],
    ids=["missing", "wrong", "two", "not first", "of the first", "of an example"],
)
def test_a_wrong_depends_is_found(tree: Path, path: str, old: str, new: str) -> None:
    edit(tree, path, old, new)
    assert found(tree, "depends") == [(path, 1)]


@pytest.mark.parametrize(
    "line",
    [
        "-- Depends: 0001_base",
        "--depends: 0001_base",
        "-- depends : 0001_base",
        "-- depends: 0001_base ",
        "-- dependencies: 0001_base",
        "-- transactional: no",
    ],
)
def test_a_misspelled_directive_is_found(tree: Path, line: str) -> None:
    edit(tree, MORE, "-- depends: 0001_base\n", f"-- depends: 0001_base\n{line}\n")
    assert found(tree, "directive") == [(MORE, 2)]


def test_a_directive_after_the_first_statement_is_found(tree: Path) -> None:
    line = "-- transactional: false"
    edit(tree, MORE, "'5s';\n", f"'5s';\n{line}\n")
    assert found(tree, "directive") == [(MORE, line_of(tree, MORE, line))]


def test_a_directive_in_a_rollback_is_found(tree: Path) -> None:
    text = "-- depends: 0001_base\n" + read(tree, MORE_ROLLBACK)
    write(tree, MORE_ROLLBACK, text)
    assert found(tree, "directive") == [(MORE_ROLLBACK, 1)]


@pytest.mark.parametrize("path", [MORE, MORE_ROLLBACK, EXAMPLE])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("set local search_path = pg_catalog, pg_temp;\n", ""),
        ("set local lock_timeout = '5s';\n", "set local lock_timeout = '9s';\n"),
        ("set local role", "create table evident.t (id integer);\n\nset local role"),
    ],
    ids=["missing", "other", "not first"],
)
def test_a_missing_prologue_is_found(tree: Path, path: str, old: str, new: str) -> None:
    edit(tree, path, old, new)
    assert [each for each, _ in found(tree, "prologue")] == [path]


def test_the_first_migration_needs_the_prologue_somewhere(tree: Path) -> None:
    edit(tree, BASE, "set local search_path = pg_catalog, pg_temp;\n", "")
    assert [path for path, _ in found(tree, "prologue")] == [BASE]


def test_the_first_rollback_needs_a_lock_timeout(tree: Path) -> None:
    edit(tree, BASE_ROLLBACK, "set local lock_timeout = '5s';\n", "")
    assert [path for path, _ in found(tree, "prologue")] == [BASE_ROLLBACK]


def test_a_migration_without_header_is_found(tree: Path) -> None:
    edit(tree, MORE, "-- Does a thing, locks nothing.\n", "")
    assert found(tree, "header") == [(MORE, 1)]


def test_a_block_comment_first_is_found(tree: Path) -> None:
    edit(tree, MORE, "\nset local role", "\n/* note */\nset local role")
    assert found(tree, "block-comment") == [(MORE, line_of(tree, MORE, "/*"))]


def test_a_migration_that_states_another_version_is_found(tree: Path) -> None:
    edit(tree, MORE, "'0002_more'", "'0001_base'")
    line = line_of(tree, MORE, f"-- [begin {VERSION}]")
    assert found(tree, "version") == [(MORE, line)]


def test_a_migration_without_version_is_found(tree: Path) -> None:
    text = read(tree, MORE)
    write(tree, MORE, text.partition("-- [begin")[0].rstrip("\n") + "\n")
    assert found(tree, "version") == [(MORE, 1)]


# Statements


@pytest.mark.parametrize(
    "statement",
    [
        "select 1;",
        "values (1);",
        "show role;",
        "explain analyze select 1;",
        "delete from evident.t as t returning t.id;",
    ],
)
def test_a_statement_that_returns_rows_is_found(tree: Path, statement: str) -> None:
    edit(tree, MORE_ROLLBACK, "'5s';\n", f"'5s';\n\n{statement}\n")
    line = line_of(tree, MORE_ROLLBACK, statement)
    assert found(tree, "returns-rows") == [(MORE_ROLLBACK, line)]


@pytest.mark.parametrize(
    "statement",
    [
        "create table evident.t (declare integer);",
        "create function evident.f() returns integer language sql\n"
        "begin atomic select 1 as loop; end;",
    ],
)
def test_a_file_that_yoyo_splits_differently_is_found(
    tree: Path, statement: str
) -> None:
    edit(tree, MORE, "'5s';\n", f"'5s';\n\n{statement}\n")
    line = line_of(tree, MORE, statement.split("\n")[0])
    assert found(tree, "split") == [(MORE, line)]


def test_a_statement_that_yoyo_does_not_see_is_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_nothing(path: str) -> tuple[dict[str, str], str, list[str]]:
        return {}, "", []

    monkeypatch.setattr(
        "pg_evident.workshop.check.statements.read_sql_migration", read_nothing
    )
    line = line_of(tree, MORE, "set local role")
    assert (MORE, line) in found(tree, "split")


def test_a_second_statement_without_transaction_is_found(tree: Path) -> None:
    head = "-- depends: 0002_more\n-- transactional: false\n-- An index.\n\n"
    index = "create index concurrently on evident.t (id);\n"
    write(tree, "migrations/0003_index.sql", head + index + index)
    path = "migrations/0003_index.rollback.sql"
    write(tree, path, "-- Undoes 0003_index.\n\ndrop index concurrently evident.i;\n")
    freeze(tree)
    assert [(each.rule, each.path.name) for each in check(tree)] == [
        ("one-statement", "0003_index.sql")
    ]


@pytest.mark.parametrize("path", [MORE_ROLLBACK, HELPER])
def test_a_syntax_error_is_found(tree: Path, path: str) -> None:
    write(tree, path, read(tree, path) + "\nselec 1;\n")
    assert (path, line_of(tree, path, "selec 1")) in found(tree, "unreadable")


def test_an_unreadable_file_hides_no_other_finding(tree: Path) -> None:
    write(tree, HELPER, read(tree, HELPER) + "\nselec 1;\n")
    edit(tree, MORE, "-- Does a thing, locks nothing.\n", "")
    assert found(tree, "header") == [(MORE, 1)]


# Text


@pytest.mark.parametrize("path", [HELPER, SALES, MORE, MORE_ROLLBACK, EXAMPLE])
@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("ascii", "-- caf\u00e9\n"),
        ("line-end", "-- x\r\n"),
        ("tab", "--\tx\n"),
        ("trailing-blank", "-- x \n"),
        ("final-newline", "-- x"),
        ("columns", f"-- {'x' * 86}\n"),
    ],
)
def test_text_against_the_rules_is_found(
    tree: Path, path: str, rule: str, text: str
) -> None:
    lines = read(tree, path).count("\n")
    write(tree, path, read(tree, path) + text)
    assert found(tree, rule) == [(path, lines + 1)]


def test_generated_lines_may_be_long(tree: Path) -> None:
    types = ", ".join(["timestamptz"] * 8)
    text = function("helper", types, types).replace(types, types.replace(", ", ",\n"))
    write(tree, HELPER, text)
    freeze(tree)
    assert max(len(line) for line in read(tree, BASE_ROLLBACK).split("\n")) > 88
    assert found(tree, "columns") == []


def test_a_backslash_in_a_source_is_found(tree: Path) -> None:
    lines = read(tree, HELPER).count("\n")
    write(tree, HELPER, read(tree, HELPER) + "-- \\d\nselect '\\d';\n")
    assert found(tree, "backslash") == [(HELPER, lines + 2)]


# Sources


def test_a_file_named_otherwise_than_its_function_is_found(tree: Path) -> None:
    edit(tree, HELPER, "function evident.helper(", "function evident.helped(")
    assert found(tree, "source-name") == [(HELPER, 3)]


def test_a_function_in_another_schema_is_found(tree: Path) -> None:
    edit(tree, HELPER, "function evident.helper(", "function public.helper(")
    assert found(tree, "source-name") == [(HELPER, 3)]


def test_a_source_that_creates_nothing_is_found(tree: Path) -> None:
    write(tree, HELPER, "-- evident.helper: nothing.\n")
    assert found(tree, "source-name") == [(HELPER, 1)]


def test_overloads_may_share_a_file(tree: Path) -> None:
    other = function("helper", "p_s text", "text").partition("\n\n")[2]
    write(tree, HELPER, read(tree, HELPER) + "\n" + other)
    freeze(tree)
    assert check(tree) == []


def test_a_trigger_may_stand_with_its_function(tree: Path) -> None:
    text = function("helper").replace("integer", "trigger")
    trigger = (
        "\ncreate or replace trigger log_helper\nbefore update on evident.log\n"
        "for each row execute function evident.helper();\n\n"
        "alter table evident.log enable always trigger log_helper;\n"
        "comment on trigger log_helper on evident.log is 'It helps.';\n"
    )
    write(tree, HELPER, text + trigger)
    freeze(tree)
    assert check(tree) == []


def test_a_view_needs_no_revoke(tree: Path) -> None:
    text = (
        "-- evident.helper: one.\n\n"
        "create or replace view evident.helper as\nselect 1 as one;\n\n"
        "comment on view evident.helper is 'One.';\n"
        "comment on column evident.helper.one is '1.';\n\n"
        "grant select on evident.helper to evident_reader;\n"
    )
    write(tree, HELPER, text)
    freeze(tree)
    assert check(tree) == []


@pytest.mark.parametrize("path", [HELPER, SALES])
def test_a_source_without_header_is_found(tree: Path, path: str) -> None:
    write(tree, path, read(tree, path).partition("\n\n")[2])
    assert found(tree, "source-header") == [(path, 1)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("create or replace", "create"),
        ("comment on function evident.helper(integer) is 'The answer.';\n", ""),
        ("revoke all on function evident.helper(integer) from public;\n", ""),
        ("(integer) from public", "(integer) from evident_reader"),
        ("revoke all", "revoke execute"),
        ("comment on", "create table evident.t (id integer);\ncomment on"),
        ("comment on", "set local role evident_owner;\ncomment on"),
        ("comment on", "do $do$ begin end $do$;\ncomment on"),
        ("comment on", "grant usage on schema evident to evident_reader;\ncomment on"),
        ("comment on", "alter table evident.t enable always trigger t;\ncomment on"),
    ],
    ids=[
        "plain create",
        "no comment",
        "no revoke",
        "revoke from a role",
        "revoke in part",
        "table",
        "setting",
        "do",
        "grant on another object",
        "trigger of another file",
    ],
)
def test_a_source_out_of_order_is_found(tree: Path, old: str, new: str) -> None:
    edit(tree, HELPER, old, new)
    rules = {each.rule for each in check(tree) if each.path == Path(HELPER)}
    assert rules & {"source-order", "unreadable"}


def test_a_comment_after_the_revoke_is_found(tree: Path) -> None:
    comment = "comment on function evident.helper(integer) is 'The answer.';\n"
    edit(tree, HELPER, comment, "")
    write(tree, HELPER, read(tree, HELPER) + comment)
    assert found(tree, "source-order") == [(HELPER, 3)]


def test_a_grant_before_the_revoke_is_found(tree: Path) -> None:
    grant = "grant execute on function evident.helper(integer) to evident_reader;\n"
    edit(tree, HELPER, "revoke all", f"{grant}revoke all")
    assert found(tree, "source-order") == [(HELPER, 3)]


def test_a_granted_internal_function_is_found(tree: Path) -> None:
    grant = "grant execute on function evident._inner() to evident_reader;\n"
    path = "sql/functions/_inner.sql"
    write(tree, path, function("_inner") + grant)
    assert found(tree, "source-order") == [(path, line_of(tree, path, "grant"))]


@pytest.mark.promise(35)
@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("select 1 order by e.id, e.version desc limit 1;", False),
        ("select 1 order by t.name;", True),
        ("select 1 order by t.name desc nulls last;", True),
        ('select 1 order by t.name collate "C" desc, e.id;', False),
        ("select 1 order by e.id, (t.name, 'x)') limit 3;", True),
        ('select array_agg(distinct t.kind order by t.kind collate "C");', False),
        ("select row_number() over (partition by 1 order by lower(t.x));", True),
        ("select max(t.name);", True),
        ("select max(e.version) filter (where true);", False),
        ("select hashtextextended(t.key, 0);", True),
        ('select hashtextextended(t.key collate "C", 0);', False),
        ("execute 'select 1 order by v.position';", False),
        ("execute 'select 1 order by v.key';", True),
        ("-- order by t.name\nselect 1;", False),
        ("-- collation: a number\nselect 1 order by age(t.x);", False),
    ],
)
def test_text_in_the_order_of_the_database_is_found(text: str, is_found: bool) -> None:
    assert bool(list(check_collation(HELPER, text))) == is_found


@pytest.mark.parametrize("path", [HELPER, SALES])
@pytest.mark.parametrize("attribute", ["stable\n", "parallel safe\n"])
def test_an_attribute_not_written_is_found(
    tree: Path, path: str, attribute: str
) -> None:
    edit(tree, path, attribute, "")
    assert found(tree, "attributes") == [(path, 3)]


@pytest.mark.parametrize("path", ["", "set search_path = ''\n"])
def test_a_plpgsql_function_without_search_path_is_found(tree: Path, path: str) -> None:
    body = f"{path}as $function$\nbegin\n    return 1;\nend;\n$function$;\n"
    edit(tree, HELPER, "begin atomic\n    select 1;\nend;\n", body)
    edit(tree, HELPER, "language sql", "language plpgsql")
    assert found(tree, "attributes") == [(HELPER, 3)]


def test_a_fold_needs_neither_search_path_nor_comment(tree: Path) -> None:
    write(tree, SALES, FOLD)
    freeze(tree)
    assert check(tree) == []


def test_a_projection_may_hold_several_functions_and_its_registration(
    tree: Path,
) -> None:
    second = FOLD.partition("\n\n")[2].replace("apply_sales", "keys_of_sales")
    registration = "do $do$\nbegin\n    perform evident.helper(1);\nend;\n$do$;\n"
    write(tree, SALES, f"{FOLD}\n{second}\n{registration}")
    freeze(tree)
    assert check(tree) == []


def test_a_projection_in_two_schemas_is_found(tree: Path) -> None:
    second = FOLD.partition("\n\n")[2].replace("function shop.", "function evident.")
    write(tree, SALES, f"{FOLD}\n{second}")
    assert found(tree, "source-name") == [(SALES, 1)]


# Templates


@pytest.mark.parametrize("quote", ["'", "$sql$"])
def test_a_template_with_more_than_three_numbered_slots_is_found(
    tree: Path, quote: str
) -> None:
    template = f"{quote}%1$s %2$I\n    %3$s %4$L{quote}"
    text = function("helper", "p_n integer", "integer", f"length({template})")
    write(tree, HELPER, text)
    assert found(tree, "template") == [(HELPER, text.split("%4")[0].count("\n") + 1)]


def test_a_template_of_three_numbered_slots_or_of_named_ones_is_fine(
    tree: Path,
) -> None:
    template = "'%1$s %2$I %3$L %3$s {key} {columns} {fold} {row} 4$'"
    text = function("helper", "p_n integer", "integer", f"length({template})")
    write(tree, HELPER, text + "-- %4$s\n")
    assert found(tree, "template") == []
