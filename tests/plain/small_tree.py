"""Make a small repository for the tests of freeze and check."""

from pathlib import Path

from pg_evident.workshop.freeze import freeze

PROLOGUE = """\
set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';
"""
REGION = "-- [begin generated rollback]\n-- [end generated rollback]\n"

FIRST = """\
-- The schema and its owner. Locks nothing; rollback loses nothing.

set local lock_timeout = '5s';

create role evident_owner;
create schema evident authorization evident_owner;

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;

"""
FIRST_ROLLBACK = f"""\
-- Undoes 0001_base.

set local lock_timeout = '5s';

set local role evident_owner;

{REGION}
drop schema evident;

set local role none;

drop role evident_owner;
"""


def write(root: Path, path: str, text: str) -> None:
    """Write a file below root, with its folders."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text.encode("utf-8"))


def edit(root: Path, path: str, old: str, new: str) -> None:
    """Replace one piece of a file, which must be there."""
    text = read(root, path)
    assert old in text
    write(root, path, text.replace(old, new))


def read(root: Path, path: str) -> str:
    """Read a file below root."""
    return (root / path).read_text(encoding="utf-8")


def include(*names: str) -> str:
    """Write include lines for files of sql/functions."""
    return "".join(f"-- [include sql/functions/{name}.sql]\n" for name in names)


def function(
    name: str, parameters: str = "", types: str = "", answer: str = "1"
) -> str:
    """Write a function source whose result is the given expression."""
    return f"""\
-- evident.{name}: the answer.

create or replace function evident.{name}({parameters})
returns integer
language sql
stable
parallel safe
begin atomic
    select {answer};
end;

comment on function evident.{name}({types}) is 'The answer.';

revoke all on function evident.{name}({types}) from public;
"""


def version(stem: str) -> str:
    """Write the version source that names a migration."""
    text = function("version", answer=f"'{stem}'::text")
    return text.replace("returns integer", "returns text")


def migration(before: str, body: str) -> str:
    """Write a forward migration that depends on another."""
    return (
        f"-- depends: {before}\n-- Does a thing, locks nothing.\n\n{PROLOGUE}\n{body}"
    )


def rollback(stem: str, after: str = "") -> str:
    """Write a rollback with an empty region and what an author adds."""
    return f"-- Undoes {stem}.\n\n{PROLOGUE}\n{REGION}{after}"


def start_tree(root: Path) -> None:
    """Write one engine migration, not yet frozen, with version and helper."""
    write(root, "sql/functions/MANIFEST", "# engine\nhelper.sql\n\ncore/version.sql\n")
    write(
        root, "sql/functions/helper.sql", function("helper", "p_n integer", "integer")
    )
    write(root, "sql/functions/core/version.sql", version("0001_base"))
    write(root, "migrations/0001_base.sql", FIRST + include("helper", "core/version"))
    write(root, "migrations/0001_base.rollback.sql", FIRST_ROLLBACK)


def add_migration(root: Path, stem: str, before: str, body: str = "") -> None:
    """Write the next engine migration, which takes over the version."""
    write(root, "sql/functions/core/version.sql", version(stem))
    text = migration(before, body + include("core/version"))
    write(root, f"migrations/{stem}.sql", text)


def add_example(root: Path) -> None:
    """Write one example migration and its fold, not yet frozen."""
    fold = function("apply_sales").replace("evident.", "shop.")
    write(root, "sql/projections/sales.sql", fold.replace("apply_sales:", "sales:"))
    body = "create schema shop;\n\n-- [include sql/projections/sales.sql]\n"
    path = "migrations/examples/shop_0001_sales"
    forward = migration("0001_base", body)
    write(root, f"{path}.sql", forward.replace("evident_owner", "evident_projector"))
    text = rollback("shop_0001_sales", "\ndrop schema shop;\n")
    back = text.replace("evident_owner", "evident_projector")
    write(root, f"{path}.rollback.sql", back)


def frozen_tree(root: Path) -> Path:
    """Make a tree with two engine migrations and one example, frozen and fine."""
    start_tree(root)
    freeze(root)
    add_migration(root, "0002_more", "0001_base")
    add_example(root)
    freeze(root)
    return root


def close(root: Path, tag: str = "v1.0.0") -> None:
    """Close everything that CHECKSUMS lists."""
    path = "migrations/CHECKSUMS"
    write(root, path, read(root, path) + f"# closed by {tag}\n")
