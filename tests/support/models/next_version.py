"""A package with one migration more than this one: what an upgrade is tested with."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pg_evident import places
from pg_evident.migrate.fingerprint import FILE
from pg_evident.workshop.freeze import freeze
from pg_evident.workshop.layout import PROLOGUE, RECORD, ROLLBACK_SUFFIX, VERSION
from support.clients.wheel import clean, copy_tree

NEWEST = places.migration_files(places.ENGINE)[-1].stem
NEXT = f"{int(NEWEST[:4]) + 1:04}_made_up"

_FORWARD = """\
-- depends: {newest}
-- A table, and another comment on a function. Locks nothing; rollback loses the table.

{prologue}

do $do$
begin
    perform evident._drop_default_privileges();
end;
$do$;

create table evident.made_up (
    id integer not null,
    constraint made_up_id_pkey primary key (id)
);

comment on table evident.made_up is
'What the next version adds.';

-- [include {changed}]
-- [include {version}]

do $do$
begin
    perform evident._close_types();
end;
$do$;
"""
_ROLLBACK = """\
-- Undoes {next}.

{prologue}

-- [begin generated rollback]
-- [end generated rollback]

drop table evident.made_up;

do $do$
begin
    perform evident._close_types();
end;
$do$;
"""


@dataclass(frozen=True)
class Package:
    """A tree of the package, run as it is; it takes the place of the installed one."""

    root: Path

    def run(self, *words: str, dsn: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of this package on a database."""
        return subprocess.run(
            [sys.executable, "-m", "pg_evident", *words],
            cwd=self.root,
            env=clean(DATABASE_URL=dsn, PYTHONPATH=str(self.root / "harness")),
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *words: str, dsn: str = "") -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.run(*words, dsn=dsn)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def expect(self, major: int, fingerprint: str) -> None:
        """Have the package carry what evident.fingerprint() is of its own."""
        file = self.root / FILE.relative_to(places.ROOT)
        file.write_text(json.dumps({str(major): fingerprint}))


THIS = Package(places.ROOT)


def make_next(root: Path, *, records: bool = True) -> Package:
    """Copy this package and add a migration, as CONTRIBUTING.md says.

    Without `records` the migration does not end by recording the baseline.
    """
    # The check also reads the table of lock spaces.
    copy_tree(root, "harness", "migrations", "sql", "docs/design")
    (path,) = root.glob("sql/functions/**/aggregate_version.sql")
    edit(path, "'The newest version", "'Made up: the newest version")
    edit(root / VERSION, f"'{NEWEST}'", f"'{NEXT}'")
    prologue = "\n".join(PROLOGUE)
    end = f"\n{RECORD}" if records else ""
    forward = _FORWARD.format(
        newest=NEWEST,
        prologue=prologue,
        changed=path.relative_to(root).as_posix(),
        version=VERSION,
    )
    back = _ROLLBACK.format(next=NEXT, prologue=prologue)
    (root / f"migrations/{NEXT}.sql").write_text(forward + end)
    (root / f"migrations/{NEXT}{ROLLBACK_SUFFIX}").write_text(back + end)
    freeze(root)
    return Package(root)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that has to be there."""
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new))
