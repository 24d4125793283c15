"""Freeze: one source, immutable migrations. No database."""

import hashlib
from pathlib import Path

import pytest

from pg_evident.workshop.check.run import check
from pg_evident.workshop.freeze import FreezeError, freeze
from plain.small_tree import (
    add_example,
    add_migration,
    close,
    edit,
    frozen_tree,
    function,
    include,
    migration,
    read,
    rollback,
    start_tree,
    version,
    write,
)

BASE = "migrations/0001_base.sql"
BASE_ROLLBACK = "migrations/0001_base.rollback.sql"
MORE = "migrations/0002_more.sql"
MORE_ROLLBACK = "migrations/0002_more.rollback.sql"
HELPER = "sql/functions/helper.sql"
TRIGGER = """\
-- evident.guard: the guard.

create or replace function evident.guard()
returns trigger
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    return null;
end;
$function$;

comment on function evident.guard() is 'The guard.';

revoke all on function evident.guard() from public;

create or replace trigger log_guard
before update on evident.log
for each statement execute function evident.guard();

alter table evident.log enable always trigger log_guard;
"""


def region(root: Path, path: str) -> str:
    """Give the generated region of a rollback."""
    text = read(root, path)
    begin, end = (f"-- [{word} generated rollback]\n" for word in ("begin", "end"))
    return text.partition(begin)[2].partition(end)[0]


def block(source: str, text: str) -> str:
    """Write a frozen block."""
    return f"-- [begin {source}]\n{text}-- [end {source}]\n"


def change_helper(root: Path, text: str, hand_written: str = "") -> str:
    """Freeze a new helper in a second migration and give the generated rollback."""
    start_tree(root)
    freeze(root)
    write(root, HELPER, text)
    add_migration(root, "0002_more", "0001_base", hand_written + include("helper"))
    freeze(root)
    return region(root, MORE_ROLLBACK)


def snapshot(root: Path) -> dict[str, bytes]:
    """Read every file below root."""
    return {str(p): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_a_frozen_tree_has_no_findings(tmp_path: Path) -> None:
    assert check(frozen_tree(tmp_path)) == []


def test_freeze_writes_nothing_the_second_time(tmp_path: Path) -> None:
    start_tree(tmp_path)
    written = freeze(tmp_path)
    assert written == sorted(
        tmp_path / name
        for name in (
            BASE,
            BASE_ROLLBACK,
            "migrations/CHECKSUMS",
            "sql/install.sql",
            "sql/uninstall.sql",
        )
    )
    assert freeze(tmp_path) == []


def test_an_include_line_becomes_the_verbatim_file(tmp_path: Path) -> None:
    start_tree(tmp_path)
    freeze(tmp_path)
    text = read(tmp_path, BASE)
    assert block(HELPER, read(tmp_path, HELPER)) in text
    assert "[include" not in text


def test_an_include_of_a_missing_file_is_refused(tmp_path: Path) -> None:
    start_tree(tmp_path)
    (tmp_path / HELPER).unlink()
    with pytest.raises(FreezeError, match=r"0001_base\.sql:\d+: asks for .*helper"):
        freeze(tmp_path)


def test_a_changed_source_is_frozen_again_in_its_newest_copy(tmp_path: Path) -> None:
    change_helper(tmp_path, function("helper", "p_n integer", "integer", "2"))
    older = read(tmp_path, BASE)
    text = function("helper", "p_n integer", "integer", "3")
    write(tmp_path, HELPER, text)
    freeze(tmp_path)
    assert block(HELPER, text) in read(tmp_path, MORE)
    assert read(tmp_path, BASE) == older


def test_a_refusal_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    edit(tmp_path, HELPER, "select 1", "select 2")
    edit(tmp_path, MORE_ROLLBACK, "-- [end generated rollback]\n", "")
    before = snapshot(tmp_path)
    with pytest.raises(FreezeError, match="one begin, one end"):
        freeze(tmp_path)
    assert snapshot(tmp_path) == before


def test_a_closed_copy_is_not_frozen_again(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    close(tmp_path)
    edit(tmp_path, HELPER, "select 1", "select 2")
    with pytest.raises(FreezeError, match="make a new migration with the line") as info:
        freeze(tmp_path)
    assert f"-- [include {HELPER}]" in str(info.value)
    assert "v1.0.0" in str(info.value)


def test_a_closed_source_goes_on_in_a_new_migration(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    close(tmp_path)
    closed = read(tmp_path, "migrations/CHECKSUMS")
    edit(tmp_path, HELPER, "select 1", "select 2")
    add_migration(tmp_path, "0003_next", "0002_more", include("helper"))
    freeze(tmp_path)
    checksums = read(tmp_path, "migrations/CHECKSUMS")
    assert checksums.startswith(closed)
    assert [line.split()[1] for line in checksums[len(closed) :].splitlines()] == [
        "0003_next.rollback.sql",
        "0003_next.sql",
    ]
    assert check(tmp_path) == []
    assert freeze(tmp_path) == []


@pytest.mark.parametrize("path", [BASE, BASE_ROLLBACK])
def test_a_changed_closed_file_is_refused(tmp_path: Path, path: str) -> None:
    frozen_tree(tmp_path)
    close(tmp_path)
    write(tmp_path, path, read(tmp_path, path) + "\n-- more\n")
    with pytest.raises(FreezeError, match=r"changed, though closed by v1\.0\.0"):
        freeze(tmp_path)


def test_a_missing_closed_file_is_refused(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    close(tmp_path)
    (tmp_path / MORE_ROLLBACK).unlink()
    with pytest.raises(FreezeError, match=r"missing, though closed by v1\.0\.0"):
        freeze(tmp_path)


def test_an_include_line_in_a_closed_migration_is_refused(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    write(tmp_path, MORE, read(tmp_path, MORE) + include("helper"))
    text = read(tmp_path, "migrations/CHECKSUMS")
    sha = hashlib.sha256((tmp_path / MORE).read_bytes()).hexdigest()
    lines = [
        f"{sha}  0002_more.sql" if line.endswith("  0002_more.sql") else line
        for line in text.splitlines()
    ]
    write(tmp_path, "migrations/CHECKSUMS", "\n".join([*lines, "# closed by v1", ""]))
    with pytest.raises(FreezeError, match="include line in a closed migration"):
        freeze(tmp_path)


def test_checksums_are_those_of_sha256sum_sorted_by_path(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    folder = tmp_path / "migrations"
    paths = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.sql"))
    assert read(tmp_path, "migrations/CHECKSUMS") == "".join(
        f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n"
        for path in paths
    )


def test_a_missing_rollback_is_made_with_prologue_and_region(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    text = read(tmp_path, MORE_ROLLBACK)
    version_block = block("sql/functions/core/version.sql", version("0001_base"))
    assert text == rollback("0002_more").replace(
        "-- [end generated", version_block + "-- [end generated"
    )


def test_hand_written_parts_of_a_rollback_stay(tmp_path: Path) -> None:
    start_tree(tmp_path)
    freeze(tmp_path)
    text = read(tmp_path, BASE_ROLLBACK)
    assert text.endswith("drop role evident_owner;\n")
    edit(tmp_path, BASE_ROLLBACK, "drop schema evident;", "drop schema evident\n;")
    freeze(tmp_path)
    assert "drop schema evident\n;" in read(tmp_path, BASE_ROLLBACK)


def test_a_rollback_without_region_is_refused(tmp_path: Path) -> None:
    start_tree(tmp_path)
    write(tmp_path, BASE_ROLLBACK, "-- Undoes 0001_base.\n")
    with pytest.raises(FreezeError, match="add the lines"):
        freeze(tmp_path)


def test_a_first_copy_is_undone_by_drops_in_reverse_order(tmp_path: Path) -> None:
    start_tree(tmp_path)
    write(tmp_path, "sql/functions/guard.sql", TRIGGER)
    edit(tmp_path, BASE, include("helper"), include("helper", "guard"))
    freeze(tmp_path)
    assert region(tmp_path, BASE_ROLLBACK).splitlines() == [
        "drop function evident.version();",
        "drop trigger log_guard on evident.log;",
        "drop function evident.guard();",
        "drop function evident.helper(integer);",
    ]


def test_views_aggregates_types_and_procedures_are_dropped(tmp_path: Path) -> None:
    start_tree(tmp_path)
    text = """\
create type evident.pair as (a integer);
create domain evident.word as text;
create procedure evident.helper(p_x text) language sql as 'select';
create or replace aggregate evident.helper(evident.pair) (
    sfunc = evident.step, stype = evident.pair
);
create or replace aggregate evident.helper(*) (sfunc = evident.go, stype = int8);
create or replace view evident.helper as select 1 as one;
"""
    write(tmp_path, HELPER, text)
    freeze(tmp_path)
    assert region(tmp_path, BASE_ROLLBACK).splitlines()[1:] == [
        "drop view evident.helper;",
        "drop aggregate evident.helper(*);",
        "drop aggregate evident.helper(evident.pair);",
        "drop procedure evident.helper(text);",
        "drop type evident.word;",
        "drop type evident.pair;",
    ]


@pytest.mark.parametrize(
    ("parameters", "types"),
    [
        ("p_a int, p_b int8 default 1", "integer, bigint"),
        ("in p_a text, out p_b text, inout p_c boolean", "text, boolean"),
        ("variadic p_a text[]", "text[]"),
        ("p_a evident.event_store", "evident.event_store"),
        ("p_a timestamp with time zone, p_b numeric(5, 2)", "timestamptz, numeric"),
        ('p_a "char", p_b char', '"char", bpchar'),
        ("p_a integer[][]", "integer[][]"),
    ],
)
def test_a_drop_names_the_input_types_alone(
    tmp_path: Path, parameters: str, types: str
) -> None:
    start_tree(tmp_path)
    write(tmp_path, HELPER, function("helper", parameters, types))
    freeze(tmp_path)
    wanted = f"drop function evident.helper({types});"
    assert wanted in region(tmp_path, BASE_ROLLBACK).splitlines()


def test_columns_of_returned_tables_are_not_in_the_drop(tmp_path: Path) -> None:
    start_tree(tmp_path)
    text = function("helper").replace("integer", "table (id integer, name text)")
    write(tmp_path, HELPER, text)
    freeze(tmp_path)
    assert "drop function evident.helper();" in region(tmp_path, BASE_ROLLBACK)


@pytest.mark.parametrize(
    "statement",
    [
        "create table evident.t (id integer);",
        "create cast (evident.a as text) with function evident.f(evident.a);",
        "create operator evident.+ (leftarg = int, rightarg = int, function = f);",
        "alter table evident.t add column x integer;",
    ],
)
def test_a_statement_that_freeze_cannot_undo_is_refused(
    tmp_path: Path, statement: str
) -> None:
    start_tree(tmp_path)
    write(tmp_path, HELPER, f"-- evident.helper: x.\n\n{statement}\n")
    with pytest.raises(FreezeError, match=r"helper\.sql:3: freeze cannot undo"):
        freeze(tmp_path)


def test_a_later_copy_is_undone_by_the_earlier_one(tmp_path: Path) -> None:
    found = change_helper(tmp_path, function("helper", "p_n integer", "integer", "2"))
    old = function("helper", "p_n integer", "integer")
    assert found == "\n".join(
        (
            block(HELPER, old),
            block("sql/functions/core/version.sql", version("0001_base")),
        )
    )


def test_only_the_newest_earlier_copy_comes_back(tmp_path: Path) -> None:
    second = function("helper", "p_n integer", "integer", "2")
    change_helper(tmp_path, second)
    write(tmp_path, HELPER, function("helper", "p_n integer", "integer", "3"))
    add_migration(tmp_path, "0003_next", "0002_more", include("helper"))
    freeze(tmp_path)
    found = region(tmp_path, "migrations/0003_next.rollback.sql")
    assert block(HELPER, second) in found
    assert found.count(f"[begin {HELPER}]") == 1


@pytest.mark.parametrize(
    "text",
    [
        function("helper", "p_m integer", "integer"),
        function("helper", "p_n integer default 1", "integer"),
        function("helper", "p_n integer, out p_x integer", "integer"),
        function("helper", "p_n integer", "integer").replace(
            "returns integer", "returns bigint"
        ),
        function("helper", "p_n integer", "integer").replace(
            "returns integer", "returns table (id integer)"
        ),
    ],
    ids=["renamed parameter", "new default", "new out column", "result", "row type"],
)
def test_what_the_earlier_copy_cannot_replace_is_dropped_first(
    tmp_path: Path, text: str
) -> None:
    found = change_helper(tmp_path, text, "drop function evident.helper(integer);\n")
    assert found.startswith("drop function evident.helper(integer);\n\n-- [begin ")


def test_a_new_signature_is_dropped_before_the_old_one_returns(tmp_path: Path) -> None:
    text = function("helper", "p_n integer, p_m integer default 0", "integer, integer")
    found = change_helper(tmp_path, text, "drop function evident.helper(integer);\n")
    drop = "drop function evident.helper(integer, integer);"
    assert found.startswith(f"{drop}\n\n-- [begin {HELPER}]")


def test_what_depends_on_a_dropped_function_is_dropped_before_it(
    tmp_path: Path,
) -> None:
    start_tree(tmp_path)
    caller = function("caller", answer="evident.helper(3)")
    write(tmp_path, "sql/functions/caller.sql", caller)
    edit(tmp_path, BASE, include("helper"), include("helper", "caller"))
    freeze(tmp_path)
    write(tmp_path, HELPER, function("helper", "p_m integer", "integer"))
    body = include("helper", "caller")
    add_migration(tmp_path, "0002_more", "0001_base", body)
    freeze(tmp_path)
    found = region(tmp_path, MORE_ROLLBACK)
    drops = [
        "drop function evident.caller();",
        "drop function evident.helper(integer);",
    ]
    assert found.splitlines()[:2] == drops
    assert found.index(f"[begin {HELPER}]") < found.index("[begin sql/functions/caller")


def test_a_new_function_goes_after_those_that_used_it_are_back(tmp_path: Path) -> None:
    start_tree(tmp_path)
    freeze(tmp_path)
    write(tmp_path, "sql/functions/extra.sql", function("extra"))
    text = function("helper", "p_n integer", "integer", "evident.extra()")
    write(tmp_path, HELPER, text)
    add_migration(tmp_path, "0002_more", "0001_base", include("extra", "helper"))
    freeze(tmp_path)
    found = region(tmp_path, MORE_ROLLBACK)
    assert found.startswith(f"-- [begin {HELPER}]")
    assert found.endswith("\n\ndrop function evident.extra();\n")


def test_a_trigger_without_or_replace_is_dropped_first(tmp_path: Path) -> None:
    start_tree(tmp_path)
    plain = TRIGGER.replace("create or replace trigger", "create trigger")
    write(tmp_path, "sql/functions/guard.sql", plain)
    edit(tmp_path, BASE, include("helper"), include("helper", "guard"))
    freeze(tmp_path)
    write(tmp_path, "sql/functions/guard.sql", plain.replace("null", "new"))
    body = "drop trigger log_guard on evident.log;\n" + include("guard")
    add_migration(tmp_path, "0002_more", "0001_base", body)
    freeze(tmp_path)
    found = region(tmp_path, MORE_ROLLBACK)
    assert found.startswith("drop trigger log_guard on evident.log;\n\n-- [begin ")


def test_a_view_with_other_columns_is_dropped_first(tmp_path: Path) -> None:
    view = "-- evident.helper: x.\n\ncreate or replace view evident.helper as\n"
    start_tree(tmp_path)
    write(tmp_path, HELPER, view + "select 1 as one;\n")
    freeze(tmp_path)
    write(tmp_path, HELPER, view + "select 1 as one, 2 as two;\n")
    add_migration(tmp_path, "0002_more", "0001_base", include("helper"))
    freeze(tmp_path)
    assert region(tmp_path, MORE_ROLLBACK).startswith("drop view evident.helper;\n")


def test_a_grant_that_the_earlier_copy_lacks_is_taken_back(tmp_path: Path) -> None:
    grant = "grant execute on function evident.helper(integer) to\nevident_reader;\n"
    found = change_helper(
        tmp_path, function("helper", "p_n integer", "integer", "2") + grant
    )
    revoke = "revoke execute on function evident.helper(integer) from evident_reader;"
    assert found.startswith(f"{revoke}\n\n-- [begin {HELPER}]")


def test_a_removed_source_comes_back_in_the_rollback(tmp_path: Path) -> None:
    start_tree(tmp_path)
    freeze(tmp_path)
    old = read(tmp_path, HELPER)
    (tmp_path / HELPER).unlink()
    edit(tmp_path, "sql/functions/MANIFEST", "helper.sql\n", "")
    body = f"drop function evident.helper(integer);\n-- [removed {HELPER}]\n\n"
    add_migration(tmp_path, "0002_more", "0001_base", body)
    freeze(tmp_path)
    assert block(HELPER, old) in region(tmp_path, MORE_ROLLBACK)
    assert check(tmp_path) == []


def test_a_source_that_returns_after_its_removal_is_dropped(tmp_path: Path) -> None:
    test_a_removed_source_comes_back_in_the_rollback(tmp_path)
    write(tmp_path, HELPER, function("helper"))
    add_migration(tmp_path, "0003_next", "0002_more", include("helper"))
    freeze(tmp_path)
    found = region(tmp_path, "migrations/0003_next.rollback.sql")
    assert "drop function evident.helper();" in found
    assert HELPER not in found


def test_examples_freeze_projections_into_their_own_folder(tmp_path: Path) -> None:
    start_tree(tmp_path)
    add_example(tmp_path)
    freeze(tmp_path)
    source = "sql/projections/sales.sql"
    path = "migrations/examples/shop_0001_sales"
    assert block(source, read(tmp_path, source)) in read(tmp_path, f"{path}.sql")
    assert "drop function shop.apply_sales();" in region(
        tmp_path, f"{path}.rollback.sql"
    )


def test_an_older_migration_gets_the_version_with_its_own_id(tmp_path: Path) -> None:
    start_tree(tmp_path)
    add_migration(tmp_path, "0002_more", "0001_base")
    freeze(tmp_path)
    path = "sql/functions/core/version.sql"
    assert block(path, version("0001_base")) in read(tmp_path, BASE)
    assert block(path, version("0002_more")) in read(tmp_path, MORE)


def test_the_newest_migration_takes_no_version_but_its_own(tmp_path: Path) -> None:
    start_tree(tmp_path)
    freeze(tmp_path)
    add_migration(tmp_path, "0002_more", "0001_base")
    write(tmp_path, "sql/functions/core/version.sql", version("0001_base"))
    with pytest.raises(FreezeError, match="the newest migration is 0002_more"):
        freeze(tmp_path)


def executed(root: Path, path: str) -> str:
    """Give the lines by which a script runs a file inside its one statement."""
    text = f"-- {path}\n{read(root, path)}"
    return f"\nv_part := '{path}';\nexecute $part${text}$part$;\n"


def test_install_joins_the_engine_and_no_example(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    text = read(tmp_path, "sql/install.sql")
    assert "".join(executed(tmp_path, path) for path in (BASE, MORE)) in text
    assert "psql -X -v ON_ERROR_STOP=1 -1 -f sql/install.sql" in text
    assert "shop" not in text


def test_uninstall_joins_the_rollbacks_backwards(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    text = read(tmp_path, "sql/uninstall.sql")
    paths = (MORE_ROLLBACK, BASE_ROLLBACK)
    assert "".join(executed(tmp_path, path) for path in paths) in text


def test_install_builds_a_concurrent_index_plainly(tmp_path: Path) -> None:
    frozen_tree(tmp_path)
    head = "-- depends: 0002_more\n-- transactional: false\n-- An index.\n\n"
    index = "index concurrently evident.log_id_idx"
    forward = f"create {index.replace('evident.', '')} on evident.log (id);\n"
    write(tmp_path, "migrations/0003_index.sql", head + forward)
    path = "migrations/0003_index.rollback.sql"
    write(tmp_path, path, f"-- Undoes 0003_index.\n\ndrop {index};\n")
    freeze(tmp_path)
    assert "\ncreate index log_id_idx on" in read(tmp_path, "sql/install.sql")
    assert "\ndrop index evident.log_id_idx;" in read(tmp_path, "sql/uninstall.sql")
    assert check(tmp_path) == []


def test_install_refuses_what_cannot_run_in_a_transaction(tmp_path: Path) -> None:
    start_tree(tmp_path)
    text = "-- depends: 0001_base\n-- transactional: false\n-- A vacuum.\n\nvacuum;\n"
    write(tmp_path, "migrations/0002_vacuum.sql", text)
    with pytest.raises(FreezeError, match=r"cannot run inside install\.sql"):
        freeze(tmp_path)


@pytest.mark.parametrize("tag", ["$part$", "$evident$"])
def test_install_refuses_the_quotes_of_its_one_statement(
    tmp_path: Path, tag: str
) -> None:
    start_tree(tmp_path)
    text = f"-- depends: 0001_base\n-- A quote.\n\nselect {tag}a{tag};\n"
    write(tmp_path, "migrations/0002_quote.sql", text)
    with pytest.raises(FreezeError, match=r"use another") as refused:
        freeze(tmp_path)
    assert "0002_quote.sql:4" in str(refused.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("-- [begin sql/functions/helper.sql]\n", "begin without end"),
        ("-- [end sql/functions/helper.sql]\n", "end without begin"),
        (include("helper", "helper"), "names sql/functions/helper.sql twice"),
        (
            "-- [begin sql/functions/helper.sql]\n" + include("core/version"),
            "inside the",
        ),
        (" -- [include sql/functions/helper.sql]\n", "not a marker"),
        ("-- [include helper.sql]\n", "not a marker"),
        ("-- [Include sql/functions/helper.sql]\n", "not a marker"),
    ],
)
def test_a_malformed_marker_is_refused(tmp_path: Path, body: str, message: str) -> None:
    start_tree(tmp_path)
    write(tmp_path, MORE, migration("0001_base", body))
    with pytest.raises(FreezeError, match=message):
        freeze(tmp_path)


def test_a_source_with_a_marker_is_refused(tmp_path: Path) -> None:
    start_tree(tmp_path)
    write(tmp_path, HELPER, read(tmp_path, HELPER) + include("core/version"))
    with pytest.raises(FreezeError, match="a source cannot hold"):
        freeze(tmp_path)


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    start_tree(tmp_path)
    edit(tmp_path, HELPER, "returns integer", "returning integer")
    with pytest.raises(FreezeError, match=r"helper\.sql:4: syntax error"):
        freeze(tmp_path)


def test_a_byte_beyond_ascii_is_refused(tmp_path: Path) -> None:
    start_tree(tmp_path)
    edit(tmp_path, HELPER, "the answer", "die L\u00f6sung")
    with pytest.raises(FreezeError, match=r"helper\.sql:1: .*ASCII"):
        freeze(tmp_path)
